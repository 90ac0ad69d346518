import core.ids
import core.wall
import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models

from core.ids import uuid7


def move_words_to_parts(apps, schema_editor):
    """What stood in a review's columns becomes its sections and proposed changes. From wall to wall, as ever."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT id FROM tenants_agency ORDER BY id")
        for (agency,) in cursor.fetchall():
            cursor.execute("SELECT set_config('app.agency', %s, true)", [str(agency)])
            cursor.execute(
                "UPDATE incidents_postmortem SET due_at = drafted_at + interval '7 days' WHERE agency_id = %s", [agency]
            )
            cursor.execute(
                "SELECT p.id, s.key, s.value FROM incidents_postmortem p, jsonb_each_text(p.sections) s "
                "WHERE p.agency_id = %s ORDER BY p.id, s.key",
                [agency],
            )
            for review, name, text in cursor.fetchall():
                client = name == "client_view"
                cursor.execute(
                    "INSERT INTO incidents_reviewsection (id, agency_id, brand_id, postmortem_id, name, side, "
                    "position, stage, text, contributed_at, version) "
                    "SELECT %s, agency_id, brand_id, id, %s, %s, %s, %s, %s, "
                    "CASE WHEN %s THEN drafted_at END, 1 FROM incidents_postmortem WHERE agency_id = %s AND id = %s",
                    [
                        uuid7(), "client" if client else name, "client" if client else "agency", POSITIONS.get(name, 5),
                        "WRITTEN" if text else "ASKED", text, bool(text), agency, review,
                    ],
                )  # fmt: skip
            cursor.execute(
                "SELECT p.id, l.value ->> 'text', l.value ->> 'owner_seat_id', l.value ->> 'due_on' "
                "FROM incidents_postmortem p, jsonb_array_elements(p.lessons) l WHERE p.agency_id = %s ORDER BY p.id",
                [agency],
            )
            for review, text, owner, due_on in cursor.fetchall():
                cursor.execute(
                    "INSERT INTO incidents_improvement (id, agency_id, brand_id, postmortem_id, kind, title, reason, "
                    "proposal, owner_id, due_on, stage, proposed_at, decided_at, decided_because, version) "
                    "SELECT %s, agency_id, brand_id, id, 'habit', left(%s, 200), "
                    "CASE WHEN length(%s) > 200 THEN %s ELSE '' END, '{}', "
                    "(SELECT s.id FROM tenants_seat s WHERE s.agency_id = p.agency_id AND s.id = %s), %s::date, "
                    "CASE WHEN released_at IS NULL THEN 'PROPOSED' ELSE 'ACCEPTED' END, drafted_at, released_at, '', 1 "
                    "FROM incidents_postmortem p WHERE agency_id = %s AND id = %s",
                    [uuid7(), text, text, text, owner, due_on, agency, review],
                )
        cursor.execute("SELECT set_config('app.agency', '', true)")
        # No key waits to be checked when the columns go.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


POSITIONS = {"summary": 0, "impact": 1, "what_went_well": 2, "what_went_wrong": 3, "client_view": 4}


class Migration(migrations.Migration):

    dependencies = [
        ('incidents', '0009_drills_are_a_need'),
        ('tenants', '0011_parts_of_reviews_are_a_need'),
    ]

    operations = [
        migrations.CreateModel(
            name='Improvement',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('plan', 'The crisis plan'), ('threshold', 'How the brand is watched'), ('policy', 'A social media policy'), ('role', 'Who does what'), ('message', 'The message library'), ('habit', 'What people do')], max_length=9)),
                ('title', models.CharField(max_length=200)),
                ('reason', models.TextField(blank=True, default='', max_length=2000)),
                ('target_id', models.UUIDField(null=True)),
                ('proposal', models.JSONField(default=dict)),
                ('made_id', models.UUIDField(null=True)),
                ('due_on', models.DateField(null=True)),
                ('overdue_at', models.DateTimeField(null=True)),
                ('stage', models.CharField(choices=[('PROPOSED', 'Proposed'), ('ACCEPTED', 'Accepted'), ('DECLINED', 'Declined'), ('DONE', 'Done')], default='PROPOSED', max_length=8)),
                ('author_id', models.UUIDField(null=True)),
                ('proposed_at', models.DateTimeField()),
                ('decided_at', models.DateTimeField(null=True)),
                ('decided_by_id', models.UUIDField(null=True)),
                ('decided_because', models.CharField(blank=True, default='', max_length=500)),
                ('done_at', models.DateTimeField(null=True)),
                ('version', models.PositiveIntegerField(default=1)),
                ('agency', models.ForeignKey(default=core.wall.standing_agency, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.agency')),
                ('brand', core.wall.TenantKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.brand')),
                ('owner', core.wall.TenantKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.seat')),
                ('postmortem', core.wall.TenantKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='incidents.postmortem')),
            ],
        ),
        migrations.CreateModel(
            name='ReviewParticipant',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('side', models.CharField(choices=[('agency', "The agency's"), ('client', "The client's")], max_length=6)),
                ('took_part', models.BooleanField()),
                ('asked_at', models.DateTimeField()),
                ('reminders', models.PositiveSmallIntegerField(default=0)),
                ('scores', models.JSONField(default=dict)),
                ('words', models.TextField(blank=True, default='', max_length=2000)),
                ('answered_at', models.DateTimeField(null=True)),
                ('excused_at', models.DateTimeField(null=True)),
                ('version', models.PositiveIntegerField(default=1)),
                ('agency', models.ForeignKey(default=core.wall.standing_agency, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.agency')),
                ('brand', core.wall.TenantKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.brand')),
                ('postmortem', core.wall.TenantKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='incidents.postmortem')),
                ('seat', core.wall.TenantKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.seat')),
            ],
        ),
        migrations.CreateModel(
            name='ReviewSection',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=80)),
                ('side', models.CharField(choices=[('agency', "The agency's"), ('client', "The client's")], max_length=6)),
                ('position', models.PositiveSmallIntegerField()),
                ('stage', models.CharField(choices=[('ASKED', 'Asked for'), ('WRITTEN', 'Handed in'), ('NONE_TO_SAY', 'Nothing to say')], default='ASKED', max_length=11)),
                ('text', models.TextField(blank=True, default='', max_length=20000)),
                ('author_id', models.UUIDField(null=True)),
                ('contributed_at', models.DateTimeField(null=True)),
                ('version', models.PositiveIntegerField(default=1)),
                ('agency', models.ForeignKey(default=core.wall.standing_agency, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.agency')),
                ('asked', core.wall.TenantKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.seat')),
                ('brand', core.wall.TenantKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.brand')),
                ('postmortem', core.wall.TenantKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='incidents.postmortem')),
            ],
        ),
        migrations.AlterModelOptions(
            name='incident',
            options={'default_permissions': (), 'permissions': [('access.explain', 'See who may do what, and why'), ('access.review', 'Run access reviews'), ('accounts.connect', 'Connect a social account'), ('agency.change', "Change the agency's settings"), ('agency.read', 'See the agency'), ('approvals.bypass', 'Bypass an approval, together with somebody else'), ('approvals.comment', 'Write beside a request for approval'), ('approvals.decide', 'Approve or reject a text'), ('approvals.read', 'See requests for approval'), ('audit.read', 'Read the audit trail'), ('brands.change', 'Change, archive and restore a brand'), ('brands.create', 'Add a brand'), ('brands.read', 'See a brand'), ('contacts.read', 'See the contact book'), ('contacts.write', 'Write, import and export the contact book'), ('denials.write', 'Wall brands off from people'), ('drills.read', 'See drills and how they went'), ('drills.run', 'Plan, start and end drills'), ('identity.connect', 'Connect sign-in providers and directories'), ('incidents.activate', 'Activate an incident'), ('incidents.close', 'Close an incident after its review'), ('incidents.contain', 'Say that an incident is contained'), ('incidents.contribute', "Write one's part of a review"), ('incidents.note', 'Write into the timeline'), ('incidents.open', 'Open an incident'), ('incidents.read', 'See incidents'), ('incidents.resolve', 'Resolve or reopen an incident'), ('incidents.restrict', 'Restrict an incident to those named'), ('incidents.review', 'Write and release a post-mortem'), ('incidents.stand_down', 'Stand down a false alarm'), ('incidents.steer', 'Change severity, duties and tasks of an incident'), ('invitations.send', 'Invite a person'), ('jobs.read', 'See the work that failed'), ('jobs.replay', 'Replay failed work'), ('keys.issue', 'Issue and revoke API keys'), ('mentions.ingest', 'Deliver mentions'), ('mentions.read', 'Read mentions and volumes'), ('messages.read', 'See the message library'), ('messages.write', 'Write into the message library'), ('pages.acknowledge', 'Acknowledge a page'), ('pages.read', 'See pages'), ('pauses.lift', 'Lift a pause'), ('pauses.read', 'See pauses'), ('pauses.start', 'Pause scheduled posts'), ('plans.publish', 'Publish a crisis plan'), ('plans.read', 'See crisis plans'), ('policies.publish', 'Draft, publish and retire social media policies'), ('policies.read', 'See social media policies, and check texts against them'), ('posts.read', 'See posts'), ('posts.release', 'Release, reschedule, rewrite or cancel a held post'), ('posts.schedule', 'Schedule posts'), ('posts.take_down', 'Take a published post down'), ('reports.read', 'Read reports'), ('reports.share', 'Make a link to a report'), ('roles.define', 'Define roles and separation of duties'), ('roles.grant', 'Grant and withdraw roles'), ('rotas.read', 'See rotas and escalation policies'), ('rotas.write', 'Change rotas and escalation policies'), ('seats.change', "Change a person's seat"), ('seats.read', 'See people and their seats'), ('seats.revoke', "Revoke a person's seat"), ('seats.suspend', 'Suspend and resume a seat'), ('signals.read', 'See signals'), ('signals.review', 'Decide what a signal means'), ('silences.read', 'See silences and maintenance'), ('silences.write', 'Silence pages for a while'), ('sources.write', 'Add and change sources of mentions'), ('statements.draft', 'Draft, revise and submit statements'), ('statements.read', 'See statements'), ('statements.release', 'Release an approved statement')]},
        ),
        migrations.AddField(
            model_name='postmortem',
            name='due_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='postmortem',
            name='numbers',
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name='postmortem',
            name='numbers_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='postmortem',
            name='overdue_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='postmortem',
            name='owner',
            field=core.wall.TenantKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.seat'),
        ),
        migrations.AddField(
            model_name='postmortem',
            name='ratings',
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name='postmortem',
            name='reminders',
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddIndex(
            model_name='postmortem',
            index=models.Index(fields=['agency', 'owner'], name='goodbye_asks_for_reviews'),
        ),
        migrations.AddIndex(
            model_name='improvement',
            index=models.Index(fields=['agency', 'owner'], name='goodbye_asks_for_improvements'),
        ),
        migrations.AddIndex(
            model_name='improvement',
            index=models.Index(fields=['agency', 'brand', '-id'], name='improvements_ask_by_brand'),
        ),
        migrations.AddIndex(
            model_name='improvement',
            index=models.Index(fields=['postmortem', 'id'], name='a_review_asks_its_changes'),
        ),
        migrations.AddIndex(
            model_name='improvement',
            index=models.Index(condition=models.Q(('stage', 'ACCEPTED')), fields=['agency', 'made_id'], name='news_asks_for_improvements'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='improvement',
            trigger=pgtrigger.compiler.Trigger(name='improvement_moves', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE _is_valid_transition BOOLEAN;', func='SELECT CONCAT(OLD."stage", \':\', NEW."stage") = ANY(\'{ACCEPTED:DONE,ACCEPTED:PROPOSED,PROPOSED:ACCEPTED,PROPOSED:DECLINED}\'::text[]) INTO _is_valid_transition; IF (_is_valid_transition IS FALSE AND OLD."stage" IS DISTINCT FROM NEW."stage") THEN RAISE EXCEPTION \'pgtrigger: Invalid transition of field "stage" from "%" to "%" on table %\', OLD."stage", NEW."stage", TG_TABLE_NAME; ELSE RETURN NEW; END IF;', hash='c465adbd9f4d4c5f04637928de58748d68eef153', operation='UPDATE', pgid='pgtrigger_improvement_moves_97b2d', table='incidents_improvement', when='BEFORE')),
        ),
        migrations.AddIndex(
            model_name='reviewparticipant',
            index=models.Index(fields=['agency', 'seat'], name='goodbye_asks_for_participants'),
        ),
        migrations.AddConstraint(
            model_name='reviewparticipant',
            constraint=models.UniqueConstraint(fields=('postmortem', 'seat'), name='a_review_asks_a_person_once'),
        ),
        migrations.AddIndex(
            model_name='reviewsection',
            index=models.Index(fields=['agency', 'asked'], name='goodbye_asks_for_sections'),
        ),
        migrations.AddConstraint(
            model_name='reviewsection',
            constraint=models.UniqueConstraint(fields=('postmortem', 'side', 'name'), name='a_review_has_a_section_once'),
        ),
        migrations.AddConstraint(
            model_name='reviewsection',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('stage', 'NONE_TO_SAY'), _negated=True), ('text', ''), _connector='OR'), name='who_has_nothing_to_say_says_nothing'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='reviewsection',
            trigger=pgtrigger.compiler.Trigger(name='section_moves', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE _is_valid_transition BOOLEAN;', func='SELECT CONCAT(OLD."stage", \':\', NEW."stage") = ANY(\'{ASKED:NONE_TO_SAY,ASKED:WRITTEN,NONE_TO_SAY:ASKED,WRITTEN:ASKED}\'::text[]) INTO _is_valid_transition; IF (_is_valid_transition IS FALSE AND OLD."stage" IS DISTINCT FROM NEW."stage") THEN RAISE EXCEPTION \'pgtrigger: Invalid transition of field "stage" from "%" to "%" on table %\', OLD."stage", NEW."stage", TG_TABLE_NAME; ELSE RETURN NEW; END IF;', hash='7dad24186648dc7f8b6988d1abb8e3d78eea14ca', operation='UPDATE', pgid='pgtrigger_section_moves_41daf', table='incidents_reviewsection', when='BEFORE')),
        ),
        migrations.RunPython(move_words_to_parts, migrations.RunPython.noop, elidable=True),
        migrations.AlterField(
            model_name='postmortem',
            name='due_at',
            field=models.DateTimeField(),
        ),
        migrations.RemoveField(
            model_name='postmortem',
            name='lessons',
        ),
        migrations.RemoveField(
            model_name='postmortem',
            name='sections',
        ),
    ]
