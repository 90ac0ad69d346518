import core.ids
import core.sealed
import core.wall
import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('tenants', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='DirectoryGroup',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('display_name', models.CharField(max_length=200)),
                ('external_id', models.CharField(blank=True, default='', max_length=255)),
                ('role', models.CharField(blank=True, default='', max_length=40)),
                ('brand_ids', models.JSONField(default=list)),
                ('mapped_by_id', models.UUIDField(null=True)),
                ('created_at', models.DateTimeField()),
                ('changed_at', models.DateTimeField()),
                ('deleted_at', models.DateTimeField(null=True)),
                ('version', models.PositiveIntegerField(default=1)),
                ('agency', models.ForeignKey(default=core.wall.standing_agency, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.agency')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='DirectoryToken',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=120)),
                ('prefix', models.CharField(max_length=60, unique=True)),
                ('secret_sha256', models.CharField(max_length=64)),
                ('created_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField(null=True)),
                ('revoked_at', models.DateTimeField(null=True)),
                ('last_used_at', models.DateTimeField(null=True)),
                ('agency', models.ForeignKey(default=core.wall.standing_agency, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.agency')),
                ('created_by', core.wall.TenantKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.seat')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='DirectoryUser',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('user_name', models.CharField(max_length=254)),
                ('external_id', models.CharField(blank=True, default='', max_length=255)),
                ('email', models.EmailField(max_length=254)),
                ('display_name', models.CharField(max_length=120)),
                ('attributes', models.JSONField(default=dict)),
                ('active', models.BooleanField(default=True)),
                ('created_at', models.DateTimeField()),
                ('changed_at', models.DateTimeField()),
                ('deleted_at', models.DateTimeField(null=True)),
                ('version', models.PositiveIntegerField(default=1)),
                ('agency', models.ForeignKey(default=core.wall.standing_agency, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.agency')),
                ('seat', core.wall.TenantKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.seat')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='DirectoryMembership',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('grant_ids', models.JSONField(default=list)),
                ('added_at', models.DateTimeField()),
                ('agency', models.ForeignKey(default=core.wall.standing_agency, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.agency')),
                ('group', core.wall.TenantKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.directorygroup')),
                ('member', core.wall.TenantKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.directoryuser')),
            ],
        ),
        migrations.CreateModel(
            name='EventTransmitter',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=120)),
                ('issuer', models.URLField(max_length=300)),
                ('audience', models.CharField(max_length=300)),
                ('jwks_url', models.URLField(max_length=300)),
                ('created_at', models.DateTimeField()),
                ('removed_at', models.DateTimeField(null=True)),
                ('version', models.PositiveIntegerField(default=1)),
                ('agency', models.ForeignKey(default=core.wall.standing_agency, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.agency')),
            ],
        ),
        migrations.CreateModel(
            name='IdentityProvider',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=120)),
                ('issuer', models.URLField(max_length=300)),
                ('client_id', models.CharField(max_length=200)),
                ('client_secret', core.sealed.SealedTextField(editable=False, null=True)),
                ('proves_second_factor', models.BooleanField(default=False)),
                ('created_at', models.DateTimeField()),
                ('removed_at', models.DateTimeField(null=True)),
                ('version', models.PositiveIntegerField(default=1)),
                ('agency', models.ForeignKey(default=core.wall.standing_agency, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.agency')),
            ],
        ),
        migrations.CreateModel(
            name='Identity',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('subject', models.CharField(max_length=255)),
                ('linked_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(null=True)),
                ('agency', models.ForeignKey(default=core.wall.standing_agency, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.agency')),
                ('seat', core.wall.TenantKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.seat')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('provider', core.wall.TenantKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.identityprovider')),
            ],
        ),
        migrations.CreateModel(
            name='SecurityEvent',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('jti', models.CharField(max_length=255)),
                ('kind', models.CharField(max_length=200)),
                ('outcome', models.CharField(max_length=40)),
                ('received_at', models.DateTimeField()),
                ('agency', models.ForeignKey(default=core.wall.standing_agency, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.agency')),
                ('seat', core.wall.TenantKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.seat')),
                ('transmitter', core.wall.TenantKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.eventtransmitter')),
            ],
        ),
        migrations.AlterModelOptions(
            name='agency',
            options={'default_permissions': (), 'permissions': [('access.explain', 'See who may do what, and why'), ('access.review', 'Run access reviews'), ('accounts.connect', 'Connect a social account'), ('agency.change', "Change the agency's settings"), ('agency.read', 'See the agency'), ('approvals.decide', 'Approve or reject a text'), ('approvals.read', 'See requests for approval'), ('audit.read', 'Read the audit trail'), ('brands.change', 'Change, archive and restore a brand'), ('brands.create', 'Add a brand'), ('brands.read', 'See a brand'), ('denials.write', 'Wall brands off from people'), ('identity.connect', 'Connect sign-in providers and directories'), ('incidents.activate', 'Activate an incident'), ('incidents.close', 'Close an incident after its review'), ('incidents.contain', 'Say that an incident is contained'), ('incidents.note', 'Write into the timeline'), ('incidents.open', 'Open an incident'), ('incidents.read', 'See incidents'), ('incidents.resolve', 'Resolve or reopen an incident'), ('incidents.restrict', 'Restrict an incident to those named'), ('incidents.review', 'Write and release a post-mortem'), ('incidents.stand_down', 'Stand down a false alarm'), ('incidents.steer', 'Change severity, duties and tasks of an incident'), ('invitations.send', 'Invite a person'), ('jobs.read', 'See the work that failed'), ('jobs.replay', 'Replay failed work'), ('keys.issue', 'Issue and revoke API keys'), ('mentions.ingest', 'Deliver mentions'), ('mentions.read', 'Read mentions and volumes'), ('messages.read', 'See the message library'), ('messages.write', 'Write into the message library'), ('pages.acknowledge', 'Acknowledge a page'), ('pages.read', 'See pages'), ('pauses.lift', 'Lift a pause'), ('pauses.read', 'See pauses'), ('pauses.start', 'Pause scheduled posts'), ('plans.publish', 'Publish a crisis plan'), ('plans.read', 'See crisis plans'), ('posts.read', 'See posts'), ('posts.release', 'Release, reschedule, rewrite or cancel a held post'), ('posts.schedule', 'Schedule posts'), ('posts.take_down', 'Take a published post down'), ('reports.read', 'Read reports'), ('reports.share', 'Make a link to a report'), ('roles.define', 'Define roles and separation of duties'), ('roles.grant', 'Grant and withdraw roles'), ('rotas.read', 'See rotas and escalation policies'), ('rotas.write', 'Change rotas and escalation policies'), ('seats.change', "Change a person's seat"), ('seats.read', 'See people and their seats'), ('seats.revoke', "Revoke a person's seat"), ('seats.suspend', 'Suspend and resume a seat'), ('signals.read', 'See signals'), ('signals.review', 'Decide what a signal means'), ('sources.write', 'Add and change sources of mentions'), ('statements.draft', 'Draft, revise and submit statements'), ('statements.read', 'See statements'), ('statements.release', 'Release an approved statement')]},
        ),
        migrations.AlterModelOptions(
            name='brand',
            options={'default_permissions': (), 'permissions': [('access.explain', 'See who may do what, and why'), ('access.review', 'Run access reviews'), ('accounts.connect', 'Connect a social account'), ('agency.change', "Change the agency's settings"), ('agency.read', 'See the agency'), ('approvals.decide', 'Approve or reject a text'), ('approvals.read', 'See requests for approval'), ('audit.read', 'Read the audit trail'), ('brands.change', 'Change, archive and restore a brand'), ('brands.create', 'Add a brand'), ('brands.read', 'See a brand'), ('denials.write', 'Wall brands off from people'), ('identity.connect', 'Connect sign-in providers and directories'), ('incidents.activate', 'Activate an incident'), ('incidents.close', 'Close an incident after its review'), ('incidents.contain', 'Say that an incident is contained'), ('incidents.note', 'Write into the timeline'), ('incidents.open', 'Open an incident'), ('incidents.read', 'See incidents'), ('incidents.resolve', 'Resolve or reopen an incident'), ('incidents.restrict', 'Restrict an incident to those named'), ('incidents.review', 'Write and release a post-mortem'), ('incidents.stand_down', 'Stand down a false alarm'), ('incidents.steer', 'Change severity, duties and tasks of an incident'), ('invitations.send', 'Invite a person'), ('jobs.read', 'See the work that failed'), ('jobs.replay', 'Replay failed work'), ('keys.issue', 'Issue and revoke API keys'), ('mentions.ingest', 'Deliver mentions'), ('mentions.read', 'Read mentions and volumes'), ('messages.read', 'See the message library'), ('messages.write', 'Write into the message library'), ('pages.acknowledge', 'Acknowledge a page'), ('pages.read', 'See pages'), ('pauses.lift', 'Lift a pause'), ('pauses.read', 'See pauses'), ('pauses.start', 'Pause scheduled posts'), ('plans.publish', 'Publish a crisis plan'), ('plans.read', 'See crisis plans'), ('posts.read', 'See posts'), ('posts.release', 'Release, reschedule, rewrite or cancel a held post'), ('posts.schedule', 'Schedule posts'), ('posts.take_down', 'Take a published post down'), ('reports.read', 'Read reports'), ('reports.share', 'Make a link to a report'), ('roles.define', 'Define roles and separation of duties'), ('roles.grant', 'Grant and withdraw roles'), ('rotas.read', 'See rotas and escalation policies'), ('rotas.write', 'Change rotas and escalation policies'), ('seats.change', "Change a person's seat"), ('seats.read', 'See people and their seats'), ('seats.revoke', "Revoke a person's seat"), ('seats.suspend', 'Suspend and resume a seat'), ('signals.read', 'See signals'), ('signals.review', 'Decide what a signal means'), ('sources.write', 'Add and change sources of mentions'), ('statements.draft', 'Draft, revise and submit statements'), ('statements.read', 'See statements'), ('statements.release', 'Release an approved statement')]},
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='seat',
            name='seat_moves',
        ),
        migrations.RemoveConstraint(
            model_name='seat',
            name='a_person_has_one_live_seat_in_an_agency',
        ),
        migrations.RemoveConstraint(
            model_name='seat',
            name='an_ended_seat_says_when_and_why',
        ),
        migrations.AddField(
            model_name='agency',
            name='requires_second_factor',
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name='agency',
            name='version',
            field=models.PositiveIntegerField(db_default=1, default=1),
        ),
        migrations.AddField(
            model_name='brand',
            name='archived_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='brand',
            name='stage',
            field=models.CharField(choices=[('ACTIVE', 'Active'), ('ARCHIVED', 'Archived: kept to be read, closed for work')], db_default='ACTIVE', default='ACTIVE', max_length=8),
        ),
        migrations.AddField(
            model_name='brand',
            name='version',
            field=models.PositiveIntegerField(db_default=1, default=1),
        ),
        migrations.AddField(
            model_name='seat',
            name='idle_warned_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='seat',
            name='last_seen_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='seat',
            name='signed_in_after',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='seat',
            name='suspended_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='seat',
            name='version',
            field=models.PositiveIntegerField(db_default=1, default=1),
        ),
        migrations.AddField(
            model_name='socialaccount',
            name='connected_by_id',
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name='socialaccount',
            name='credentials_set_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='socialaccount',
            name='disconnected_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='socialaccount',
            name='health',
            field=models.CharField(choices=[('unknown', 'Not tried yet'), ('ok', 'The network accepts the credentials'), ('refused', 'The network refuses the credentials'), ('unreachable', 'The network could not be asked')], db_default='unknown', default='unknown', max_length=12),
        ),
        migrations.AddField(
            model_name='socialaccount',
            name='health_checked_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='socialaccount',
            name='health_detail',
            field=models.CharField(blank=True, db_default='', default='', max_length=300),
        ),
        migrations.AddField(
            model_name='socialaccount',
            name='version',
            field=models.PositiveIntegerField(db_default=1, default=1),
        ),
        migrations.AlterField(
            model_name='seat',
            name='stage',
            field=models.CharField(choices=[('ACTIVE', 'Active'), ('SUSPENDED', 'Suspended'), ('ENDED', 'Ended')], default='ACTIVE', max_length=9),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='brand',
            trigger=pgtrigger.compiler.Trigger(name='brand_moves', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE _is_valid_transition BOOLEAN;', func='SELECT CONCAT(OLD."stage", \':\', NEW."stage") = ANY(\'{ACTIVE:ARCHIVED,ARCHIVED:ACTIVE}\'::text[]) INTO _is_valid_transition; IF (_is_valid_transition IS FALSE AND OLD."stage" IS DISTINCT FROM NEW."stage") THEN RAISE EXCEPTION \'pgtrigger: Invalid transition of field "stage" from "%" to "%" on table %\', OLD."stage", NEW."stage", TG_TABLE_NAME; ELSE RETURN NEW; END IF;', hash='a2ae8325b72e6de7879ec371d9d39386bc888501', operation='UPDATE', pgid='pgtrigger_brand_moves_1d4cb', table='tenants_brand', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='seat',
            trigger=pgtrigger.compiler.Trigger(name='seat_moves', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE _is_valid_transition BOOLEAN;', func='SELECT CONCAT(OLD."stage", \':\', NEW."stage") = ANY(\'{ACTIVE:ENDED,ACTIVE:SUSPENDED,SUSPENDED:ACTIVE,SUSPENDED:ENDED}\'::text[]) INTO _is_valid_transition; IF (_is_valid_transition IS FALSE AND OLD."stage" IS DISTINCT FROM NEW."stage") THEN RAISE EXCEPTION \'pgtrigger: Invalid transition of field "stage" from "%" to "%" on table %\', OLD."stage", NEW."stage", TG_TABLE_NAME; ELSE RETURN NEW; END IF;', hash='d1e6821f0cb8af0544a519bea8563f2318aad457', operation='UPDATE', pgid='pgtrigger_seat_moves_2009f', table='tenants_seat', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='seat',
            constraint=models.UniqueConstraint(condition=models.Q(('stage', 'ENDED'), _negated=True), fields=('agency', 'user'), name='a_person_sits_once_in_an_agency'),
        ),
        migrations.AddConstraint(
            model_name='seat',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('stage', 'ENDED'), _negated=True), models.Q(('ended_at__isnull', False), models.Q(('end_reason', ''), _negated=True)), _connector='OR'), name='an_ended_seat_says_when_and_why'),
        ),
        migrations.AddConstraint(
            model_name='directorymembership',
            constraint=models.UniqueConstraint(fields=('group', 'member'), name='a_group_has_a_member_once'),
        ),
        migrations.AddConstraint(
            model_name='eventtransmitter',
            constraint=models.UniqueConstraint(condition=models.Q(('removed_at', None)), fields=('agency', 'issuer'), name='an_agency_hears_an_issuer_once'),
        ),
        migrations.AddConstraint(
            model_name='identityprovider',
            constraint=models.UniqueConstraint(condition=models.Q(('removed_at', None)), fields=('agency', 'issuer'), name='an_agency_trusts_an_issuer_once'),
        ),
        migrations.AddConstraint(
            model_name='identity',
            constraint=models.UniqueConstraint(condition=models.Q(('ended_at', None)), fields=('provider', 'subject'), name='a_subject_is_one_person'),
        ),
        migrations.AddConstraint(
            model_name='securityevent',
            constraint=models.UniqueConstraint(fields=('transmitter', 'jti'), name='an_event_is_taken_once'),
        ),
    ]
