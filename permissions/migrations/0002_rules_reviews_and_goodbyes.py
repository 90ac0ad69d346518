import core.ids
import core.wall
import django.contrib.postgres.fields
import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        ('incidents', '0003_grants_on_incidents'),
        ('permissions', '0001_initial'),
        ('tenants', '0002_seats_brands_and_identity'),
        ('tenants', '__first__'),
    ]

    operations = [
        migrations.CreateModel(
            name='AccessReview',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('stage', models.CharField(choices=[('OPEN', 'Open'), ('CLOSED', 'Closed')], default='OPEN', max_length=8)),
                ('reason', models.CharField(max_length=500)),
                ('opened_at', models.DateTimeField()),
                ('opened_by_id', models.UUIDField(null=True)),
                ('due_at', models.DateTimeField()),
                ('closed_at', models.DateTimeField(null=True)),
                ('evidence_sha256', models.CharField(blank=True, default='', max_length=64)),
                ('version', models.PositiveIntegerField(default=1)),
                ('agency', models.ForeignKey(default=core.wall.standing_agency, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.agency')),
                ('brand', core.wall.TenantKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.brand')),
            ],
        ),
        migrations.CreateModel(
            name='CustomRole',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('slug', models.SlugField(max_length=40)),
                ('label', models.CharField(max_length=120)),
                ('side', models.CharField(choices=[('staff', 'Staff'), ('client', 'Client')], max_length=6)),
                ('needs', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), size=None)),
                ('created_at', models.DateTimeField()),
                ('retired_at', models.DateTimeField(null=True)),
                ('version', models.PositiveIntegerField(default=1)),
                ('agency', models.ForeignKey(default=core.wall.standing_agency, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.agency')),
            ],
        ),
        migrations.CreateModel(
            name='DenyRule',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('brand_ids', django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), size=None)),
                ('reason', models.CharField(max_length=500)),
                ('created_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField(null=True)),
                ('lifted_at', models.DateTimeField(null=True)),
                ('agency', models.ForeignKey(default=core.wall.standing_agency, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.agency')),
                ('seat', core.wall.TenantKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.seat')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='IncidentReach',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('starts_at', models.DateTimeField(null=True)),
                ('ends_at', models.DateTimeField(null=True)),
                ('agency', models.ForeignKey(default=core.wall.standing_agency, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.agency')),
                ('content_object', core.wall.TenantKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='incidents.incident')),
                ('grant', core.wall.TenantKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='permissions.grant')),
                ('permission', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='auth.permission')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Restriction',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('reason', models.CharField(max_length=500)),
                ('restricted_at', models.DateTimeField()),
                ('lifted_at', models.DateTimeField(null=True)),
                ('agency', models.ForeignKey(default=core.wall.standing_agency, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.agency')),
                ('incident', core.wall.TenantKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='incidents.incident')),
            ],
        ),
        migrations.CreateModel(
            name='ReviewItem',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('verdict', models.CharField(choices=[('UNANSWERED', 'Nobody has answered'), ('KEPT', 'Kept'), ('REMOVED', 'Removed'), ('PROTECTED', 'Kept, because the agency would be without an owner')], default='UNANSWERED', max_length=10)),
                ('reason', models.CharField(blank=True, default='', max_length=500)),
                ('decided_by_id', models.UUIDField(null=True)),
                ('decided_at', models.DateTimeField(null=True)),
                ('agency', models.ForeignKey(default=core.wall.standing_agency, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.agency')),
                ('grant', core.wall.TenantKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='permissions.grant')),
                ('review', core.wall.TenantKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='permissions.accessreview')),
            ],
        ),
        migrations.CreateModel(
            name='Revocation',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('reason', models.CharField(max_length=20)),
                ('stage', models.CharField(choices=[('SCHEDULED', 'Planned'), ('CANCELLED', 'Cancelled'), ('VERIFYING', 'Done here, being verified'), ('COMPLETE', 'Complete')], max_length=9)),
                ('asked_at', models.DateTimeField()),
                ('asked_by', models.CharField(max_length=60)),
                ('due_at', models.DateTimeField()),
                ('done_at', models.DateTimeField(null=True)),
                ('completed_at', models.DateTimeField(null=True)),
                ('report_sha256', models.CharField(blank=True, default='', max_length=64)),
                ('version', models.PositiveIntegerField(default=1)),
                ('agency', models.ForeignKey(default=core.wall.standing_agency, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.agency')),
                ('seat', core.wall.TenantKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.seat')),
                ('successor', core.wall.TenantKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.seat')),
            ],
        ),
        migrations.CreateModel(
            name='RevocationLine',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=60)),
                ('ended', models.PositiveIntegerField(default=0)),
                ('handed_over', models.PositiveIntegerField(default=0)),
                ('left', models.PositiveIntegerField(default=0)),
                ('finding', models.CharField(choices=[('confirmed', 'Nothing is left'), ('unconfirmed', 'Something may be left'), ('human_task', 'A person still has something to do')], default='unconfirmed', max_length=11)),
                ('detail', models.CharField(blank=True, default='', max_length=500)),
                ('checked_at', models.DateTimeField(null=True)),
                ('agency', models.ForeignKey(default=core.wall.standing_agency, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.agency')),
                ('revocation', core.wall.TenantKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='permissions.revocation')),
            ],
        ),
        migrations.CreateModel(
            name='RevocationTask',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('line', models.CharField(max_length=60)),
                ('title', models.CharField(max_length=300)),
                ('due_at', models.DateTimeField()),
                ('done_at', models.DateTimeField(null=True)),
                ('done_by_id', models.UUIDField(null=True)),
                ('note', models.CharField(blank=True, default='', max_length=500)),
                ('version', models.PositiveIntegerField(default=1)),
                ('agency', models.ForeignKey(default=core.wall.standing_agency, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.agency')),
                ('revocation', core.wall.TenantKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='permissions.revocation')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='SeparationRule',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=120)),
                ('roles', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), size=None)),
                ('reason', models.CharField(max_length=500)),
                ('created_at', models.DateTimeField()),
                ('lifted_at', models.DateTimeField(null=True)),
                ('version', models.PositiveIntegerField(default=1)),
                ('agency', models.ForeignKey(default=core.wall.standing_agency, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.agency')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.RemoveConstraint(
            model_name='grant',
            name='a_seat_holds_a_role_on_a_thing_once',
        ),
        # By its name: the linter reads this where the table does not exist yet.
        migrations.SeparateDatabaseAndState(
            state_operations=[migrations.AlterUniqueTogether(name='agencyreach', unique_together=set())],
            database_operations=[
                migrations.RunSQL(
                    'ALTER TABLE permissions_agencyreach DROP CONSTRAINT permissions_agencyreach_user_id_permission_id_co_b63f76d7_uniq',
                    migrations.RunSQL.noop,
                )
            ],
        ),
        # By its name: the linter reads this where the table does not exist yet.
        migrations.SeparateDatabaseAndState(
            state_operations=[migrations.AlterUniqueTogether(name='brandreach', unique_together=set())],
            database_operations=[
                migrations.RunSQL(
                    'ALTER TABLE permissions_brandreach DROP CONSTRAINT permissions_brandreach_user_id_permission_id_co_c34d78cc_uniq',
                    migrations.RunSQL.noop,
                )
            ],
        ),
        migrations.AddField(
            model_name='agencyreach',
            name='grant',
            field=core.wall.TenantKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='permissions.grant'),
        ),
        migrations.AddField(
            model_name='agencyreach',
            name='starts_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='apikey',
            name='exposed_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='apikey',
            name='networks',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=50), blank=True, default=list, size=None),
        ),
        migrations.AddField(
            model_name='apikey',
            name='rate_per_minute',
            field=models.PositiveIntegerField(db_default=600, default=600),
        ),
        migrations.AddField(
            model_name='apikey',
            name='replaces_id',
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name='brandreach',
            name='grant',
            field=core.wall.TenantKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='permissions.grant'),
        ),
        migrations.AddField(
            model_name='brandreach',
            name='starts_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='grant',
            name='incident',
            field=core.wall.TenantKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='incidents.incident'),
        ),
        migrations.AddField(
            model_name='grant',
            name='starts_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddIndex(
            model_name='grant',
            index=models.Index(fields=['agency', 'brand'], name='matrix_asks_by_brand'),
        ),
        migrations.AddConstraint(
            model_name='grant',
            constraint=models.UniqueConstraint(condition=models.Q(('withdrawn_at', None)), fields=('seat', 'role', 'brand', 'incident'), name='a_seat_holds_a_role_on_one_thing_once', nulls_distinct=False),
        ),
        migrations.AddConstraint(
            model_name='grant',
            constraint=models.CheckConstraint(condition=models.Q(('brand', None), ('incident', None), _connector='OR'), name='a_grant_is_on_a_brand_or_an_incident'),
        ),
        migrations.AddConstraint(
            model_name='accessreview',
            constraint=models.UniqueConstraint(condition=models.Q(('stage', 'OPEN')), fields=('agency', 'brand'), name='a_brand_is_under_one_review', nulls_distinct=False),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='accessreview',
            trigger=pgtrigger.compiler.Trigger(name='review_moves', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE _is_valid_transition BOOLEAN;', func='SELECT CONCAT(OLD."stage", \':\', NEW."stage") = ANY(\'{OPEN:CLOSED}\'::text[]) INTO _is_valid_transition; IF (_is_valid_transition IS FALSE AND OLD."stage" IS DISTINCT FROM NEW."stage") THEN RAISE EXCEPTION \'pgtrigger: Invalid transition of field "stage" from "%" to "%" on table %\', OLD."stage", NEW."stage", TG_TABLE_NAME; ELSE RETURN NEW; END IF;', hash='9903065abdd96fd1eb8f3e6fcc49a16300cda1c1', operation='UPDATE', pgid='pgtrigger_review_moves_eeb90', table='permissions_accessreview', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='customrole',
            constraint=models.UniqueConstraint(fields=('agency', 'slug'), name='a_slug_names_one_role_of_an_agency'),
        ),
        migrations.AddIndex(
            model_name='incidentreach',
            index=models.Index(fields=['user', 'permission', 'content_object'], name='gate_asks_which_incidents'),
        ),
        migrations.AddConstraint(
            model_name='restriction',
            constraint=models.UniqueConstraint(condition=models.Q(('lifted_at', None)), fields=('incident',), name='an_incident_is_restricted_once'),
        ),
        migrations.AddConstraint(
            model_name='reviewitem',
            constraint=models.UniqueConstraint(fields=('review', 'grant'), name='a_review_asks_about_a_grant_once'),
        ),
        migrations.AddConstraint(
            model_name='revocation',
            constraint=models.UniqueConstraint(condition=models.Q(('stage', 'SCHEDULED')), fields=('seat',), name='a_seat_has_one_planned_goodbye'),
        ),
        migrations.AddConstraint(
            model_name='revocation',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('stage', 'COMPLETE'), _negated=True), models.Q(('completed_at__isnull', False), ('done_at__isnull', False)), _connector='OR'), name='a_complete_goodbye_says_when'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='revocation',
            trigger=pgtrigger.compiler.Trigger(name='revocation_moves', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE _is_valid_transition BOOLEAN;', func='SELECT CONCAT(OLD."stage", \':\', NEW."stage") = ANY(\'{COMPLETE:VERIFYING,SCHEDULED:CANCELLED,SCHEDULED:VERIFYING,VERIFYING:COMPLETE}\'::text[]) INTO _is_valid_transition; IF (_is_valid_transition IS FALSE AND OLD."stage" IS DISTINCT FROM NEW."stage") THEN RAISE EXCEPTION \'pgtrigger: Invalid transition of field "stage" from "%" to "%" on table %\', OLD."stage", NEW."stage", TG_TABLE_NAME; ELSE RETURN NEW; END IF;', hash='8134c7bac2b8d0ae84ec5fc84550cefdf23a31d8', operation='UPDATE', pgid='pgtrigger_revocation_moves_6b354', table='permissions_revocation', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='revocationline',
            constraint=models.UniqueConstraint(fields=('revocation', 'name'), name='a_goodbye_has_a_line_once'),
        ),
    ]
