"""Queries, imports, stories, verdicts, settings: everything that a brand hears with."""

import core.ids
import core.sealed
import core.wall
import django.contrib.postgres.fields
import django.db.models.deletion
import listening.models.base
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('alerting', '0001_initial'),
        ('incidents', '0004_newest_incidents'),
        ('listening', '0002_mentions_by_time'),
        ('tenants', '0005_people_know_how_many_seats_they_have'),
    ]

    operations = [
        migrations.CreateModel(
            name='Query',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=120)),
                ('expression', models.CharField(max_length=4000)),
                ('exclude', models.JSONField(blank=True, default=list)),
                ('languages', models.JSONField(blank=True, default=list)),
                ('created_at', models.DateTimeField()),
                ('version', models.PositiveIntegerField(default=1)),
                ('agency', models.ForeignKey(default=core.wall.standing_agency, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.agency')),
                ('brand', core.wall.TenantKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.brand')),
            ],
        ),
        migrations.CreateModel(
            name='Backtest',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('settings', models.JSONField()),
                ('starts_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField()),
                ('requested_at', models.DateTimeField()),
                ('finished_at', models.DateTimeField(null=True)),
                ('result', models.JSONField(null=True)),
                ('problem', models.CharField(blank=True, default='', max_length=200)),
                ('agency', models.ForeignKey(default=core.wall.standing_agency, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.agency')),
                ('brand', core.wall.TenantKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.brand')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='BrandLexicon',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('number', models.PositiveIntegerField()),
                ('base', models.CharField(max_length=40)),
                ('weights', models.JSONField()),
                ('corrections', models.PositiveIntegerField()),
                ('agreement_before', listening.models.base.RealField()),
                ('agreement_after', listening.models.base.RealField()),
                ('made_at', models.DateTimeField()),
                ('adopted_at', models.DateTimeField(null=True)),
                ('retired_at', models.DateTimeField(null=True)),
                ('retired_because', models.CharField(blank=True, default='', max_length=200)),
                ('agency', models.ForeignKey(default=core.wall.standing_agency, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.agency')),
                ('brand', core.wall.TenantKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.brand')),
            ],
        ),
        migrations.CreateModel(
            name='Contagion',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('title', models.CharField(max_length=200)),
                ('sketch', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=list, size=None)),
                ('raised_at', models.DateTimeField()),
                ('seen_at', models.DateTimeField()),
                ('closed_at', models.DateTimeField(null=True)),
                ('version', models.PositiveIntegerField(default=1)),
                ('agency', models.ForeignKey(default=core.wall.standing_agency, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.agency')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='ExpectedEvent',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=120)),
                ('starts_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField()),
                ('factor', listening.models.base.RealField(default=3.0)),
                ('cancelled_at', models.DateTimeField(null=True)),
                ('version', models.PositiveIntegerField(default=1)),
                ('agency', models.ForeignKey(default=core.wall.standing_agency, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.agency')),
                ('brand', core.wall.TenantKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.brand')),
            ],
        ),
        migrations.CreateModel(
            name='Import',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('stage', models.CharField(choices=[('WAITING', 'Waiting for its turn'), ('RUNNING', 'Being read'), ('DONE', 'Read to the end'), ('FAILED', 'Given up'), ('CANCELLED', 'Stopped by a person')], default='WAITING', max_length=10)),
                ('format', models.CharField(choices=[('ndjson', 'NDJSON'), ('csv', 'CSV')], max_length=8)),
                ('columns', models.JSONField(blank=True, default=dict)),
                ('dry_run', models.BooleanField(default=False)),
                ('parts', models.PositiveIntegerField(default=0)),
                ('parts_done', models.PositiveIntegerField(default=0)),
                ('rows', models.PositiveIntegerField(default=0)),
                ('rows_done', models.PositiveIntegerField(default=0)),
                ('new', models.PositiveIntegerField(default=0)),
                ('known', models.PositiveIntegerField(default=0)),
                ('edited', models.PositiveIntegerField(default=0)),
                ('unmatched', models.PositiveIntegerField(default=0)),
                ('bad', models.PositiveIntegerField(default=0)),
                ('errors', models.JSONField(blank=True, default=list)),
                ('created_at', models.DateTimeField()),
                ('finished_at', models.DateTimeField(null=True)),
                ('problem', models.CharField(blank=True, default='', max_length=200)),
                ('version', models.PositiveIntegerField(default=1)),
                ('agency', models.ForeignKey(default=core.wall.standing_agency, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.agency')),
                ('brand', core.wall.TenantKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.brand')),
                ('source', core.wall.TenantKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='listening.source')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='ListeningSettings',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('false_alarms_per_month', listening.models.base.RealField(default=1.0)),
                ('monitor_only', models.BooleanField(default=False)),
                ('detector', models.JSONField(blank=True, default=dict)),
                ('calibration', models.JSONField(blank=True, default=dict)),
                ('watched_terms', models.JSONField(blank=True, default=list)),
                ('quorum', models.JSONField(blank=True, default=dict)),
                ('review_minutes', models.JSONField(blank=True, default=dict)),
                ('retention_days', models.PositiveIntegerField(default=395)),
                ('version', models.PositiveIntegerField(default=1)),
                ('agency', models.ForeignKey(default=core.wall.standing_agency, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.agency')),
                ('brand', core.wall.TenantKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.brand')),
            ],
        ),
        migrations.CreateModel(
            name='MoodCorrection',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('mention_id', models.UUIDField()),
                ('was', models.CharField(choices=[('negative', 'Negative'), ('neutral', 'Neutral'), ('positive', 'Positive'), ('unknown', 'Unknown')], max_length=8)),
                ('label', models.CharField(choices=[('negative', 'Negative'), ('neutral', 'Neutral'), ('positive', 'Positive'), ('unknown', 'Unknown')], max_length=8)),
                ('scorer', models.CharField(max_length=60)),
                ('language', models.CharField(max_length=12)),
                ('text', models.TextField()),
                ('corrected_at', models.DateTimeField()),
                ('agency', models.ForeignKey(default=core.wall.standing_agency, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.agency')),
                ('brand', core.wall.TenantKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.brand')),
                ('seat', core.wall.TenantKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.seat')),
            ],
        ),
        migrations.CreateModel(
            name='Story',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('title', models.CharField(max_length=200)),
                ('terms', models.JSONField(default=list)),
                ('sketch', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=list, size=None)),
                ('mentions', models.PositiveIntegerField(default=0)),
                ('first_at', models.DateTimeField()),
                ('last_at', models.DateTimeField()),
                ('version', models.PositiveIntegerField(default=1)),
                ('agency', models.ForeignKey(default=core.wall.standing_agency, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.agency')),
                ('brand', core.wall.TenantKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.brand')),
                ('merged_into', core.wall.TenantKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='listening.story')),
                ('split_from', core.wall.TenantKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='listening.story')),
            ],
        ),
        migrations.CreateModel(
            name='ContagionStory',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('joined_at', models.DateTimeField()),
                ('agency', models.ForeignKey(default=core.wall.standing_agency, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.agency')),
                ('brand', core.wall.TenantKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.brand')),
                ('contagion', core.wall.TenantKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='listening.contagion')),
                ('story', core.wall.TenantKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='listening.story')),
            ],
        ),
        migrations.CreateModel(
            name='ImportPart',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('number', models.PositiveIntegerField()),
                ('first_row', models.PositiveIntegerField()),
                ('body', models.BinaryField()),
                ('agency', models.ForeignKey(default=core.wall.standing_agency, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.agency')),
                ('of', core.wall.TenantKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='listening.import')),
            ],
        ),
        migrations.CreateModel(
            name='StoryMention',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('brand_id', models.UUIDField()),
                ('mention_id', models.UUIDField()),
                ('agency', models.ForeignKey(db_constraint=False, db_index=False, default=core.wall.standing_agency, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.agency')),
                ('story', core.wall.TenantKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='listening.story')),
            ],
        ),
        migrations.CreateModel(
            name='Verdict',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('verdict', models.CharField(choices=[('handle', 'Handle individually'), ('dismiss', 'Dismiss')], max_length=10)),
                ('reason', models.CharField(max_length=500)),
                ('said_at', models.DateTimeField()),
                ('agency', models.ForeignKey(default=core.wall.standing_agency, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.agency')),
                ('seat', core.wall.TenantKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.seat')),
                ('signal', core.wall.TenantKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='listening.signal')),
            ],
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='signal',
            name='signal_moves',
        ),
        migrations.RemoveConstraint(
            model_name='signal',
            name='a_brand_has_one_open_signal_of_a_kind',
        ),
        migrations.RemoveConstraint(
            model_name='source',
            name='a_name_is_one_source_of_a_brand',
        ),
        migrations.AddField(
            model_name='signal',
            name='escalated_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='signal',
            name='kinds',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=12), db_default=[], default=list, size=None),
        ),
        migrations.AddField(
            model_name='signal',
            name='merged_into',
            field=core.wall.TenantKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='listening.signal'),
        ),
        migrations.AddField(
            model_name='signal',
            name='monitor_only',
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name='source',
            name='asked_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='source',
            name='credentials',
            field=core.sealed.SealedJSONField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='source',
            name='cursor',
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name='source',
            name='ended_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='source',
            name='every_s',
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='source',
            name='failures',
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='source',
            name='gaps',
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='source',
            name='health',
            field=models.CharField(choices=[('new', 'Nothing was heard yet'), ('ok', 'It delivers'), ('failing', 'The last tries failed'), ('silent', 'It has been quiet for too long'), ('refused', 'The network refuses the credentials or the query')], db_default='new', default='new', max_length=8),
        ),
        migrations.AddField(
            model_name='source',
            name='heard_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='source',
            name='lag_s',
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='source',
            name='network',
            field=models.CharField(blank=True, db_default='', default='', max_length=20),
        ),
        migrations.AddField(
            model_name='source',
            name='newest_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='source',
            name='page',
            field=core.wall.TenantKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='alerting.page'),
        ),
        migrations.AddField(
            model_name='source',
            name='paused_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='source',
            name='place',
            field=models.JSONField(blank=True, db_default={}, default=dict),
        ),
        migrations.AddField(
            model_name='source',
            name='problem',
            field=models.CharField(blank=True, db_default='', default='', max_length=200),
        ),
        migrations.AddField(
            model_name='source',
            name='silent_after_s',
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='source',
            name='version',
            field=models.PositiveIntegerField(db_default=1, default=1),
        ),
        migrations.AlterField(
            model_name='signal',
            name='kind',
            field=models.CharField(choices=[('volume', 'More mentions than normal'), ('mood', 'A more negative mood than normal'), ('velocity', 'Growing faster than normal'), ('author', 'An influential author'), ('watched', 'Watched terms'), ('spread', 'Spreading over networks, languages or countries'), ('copies', 'Coordinated copies'), ('silence', 'Fewer mentions than normal')], max_length=12),
        ),
        migrations.AlterField(
            model_name='signal',
            name='stage',
            field=models.CharField(choices=[('OPEN', 'Open'), ('WATCHING', 'Watching'), ('HANDLED', 'Handled individually'), ('ACTIVATED', 'Activated'), ('DISMISSED', 'Dismissed'), ('MERGED', 'Merged into another signal')], default='OPEN', max_length=10),
        ),
        migrations.AlterField(
            model_name='source',
            name='kind',
            field=models.CharField(choices=[('push', 'Delivered to the ingest route'), ('webhook', 'Delivered by a signed webhook'), ('import', 'Imported from files'), ('rss', 'RSS or Atom feed'), ('mastodon_search', 'Mastodon search'), ('mastodon_hashtag', 'Mastodon hashtag'), ('mastodon_stream', 'Mastodon stream'), ('bluesky_search', 'Bluesky search'), ('bluesky_firehose', 'Bluesky firehose')], default='push', max_length=20),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='signal',
            trigger=pgtrigger.compiler.Trigger(name='signal_moves', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE _is_valid_transition BOOLEAN;', func='SELECT CONCAT(OLD."stage", \':\', NEW."stage") = ANY(\'{OPEN:ACTIVATED,OPEN:DISMISSED,OPEN:HANDLED,OPEN:MERGED,OPEN:WATCHING,WATCHING:ACTIVATED,WATCHING:DISMISSED,WATCHING:HANDLED,WATCHING:MERGED}\'::text[]) INTO _is_valid_transition; IF (_is_valid_transition IS FALSE AND OLD."stage" IS DISTINCT FROM NEW."stage") THEN RAISE EXCEPTION \'pgtrigger: Invalid transition of field "stage" from "%" to "%" on table %\', OLD."stage", NEW."stage", TG_TABLE_NAME; ELSE RETURN NEW; END IF;', hash='59b0dca69588fd6fcb1f9dc8a3d41473bdec5cb3', operation='UPDATE', pgid='pgtrigger_signal_moves_b552e', table='listening_signal', when='BEFORE')),
        ),
        migrations.AddField(
            model_name='source',
            name='query',
            field=core.wall.TenantKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='listening.query'),
        ),
        migrations.AddConstraint(
            model_name='source',
            constraint=models.UniqueConstraint(condition=models.Q(('ended_at', None)), fields=('brand', 'name'), name='a_name_is_one_source_of_a_brand'),
        ),
        migrations.AddField(
            model_name='signal',
            name='story',
            field=core.wall.TenantKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='listening.story'),
        ),
        migrations.AddConstraint(
            model_name='signal',
            constraint=models.UniqueConstraint(condition=models.Q(('stage__in', ['OPEN', 'WATCHING'])), fields=('brand', 'story'), name='a_brand_has_one_open_signal_of_a_story', nulls_distinct=False),
        ),
        migrations.AddConstraint(
            model_name='signal',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('stage', 'MERGED'), _negated=True), ('merged_into__isnull', False), _connector='OR'), name='a_merged_signal_lives_on_in_another'),
        ),
        migrations.AddConstraint(
            model_name='brandlexicon',
            constraint=models.UniqueConstraint(fields=('brand', 'number'), name='a_lexicon_of_a_brand_has_one_number'),
        ),
        migrations.AddConstraint(
            model_name='brandlexicon',
            constraint=models.UniqueConstraint(condition=models.Q(('adopted_at__isnull', False), ('retired_at', None)), fields=('brand',), name='a_brand_uses_one_lexicon'),
        ),
        migrations.AddConstraint(
            model_name='expectedevent',
            constraint=models.CheckConstraint(condition=models.Q(('ends_at__gt', models.F('starts_at'))), name='an_event_ends_after_it_starts'),
        ),
        migrations.AddConstraint(
            model_name='expectedevent',
            constraint=models.CheckConstraint(condition=models.Q(('factor__gte', 1), ('factor__lte', 1000)), name='an_event_multiplies_by_1_to_1000'),
        ),
        migrations.AddConstraint(
            model_name='importpart',
            constraint=models.UniqueConstraint(fields=('of', 'number'), name='a_part_of_a_file_is_kept_once'),
        ),
        migrations.AddConstraint(
            model_name='listeningsettings',
            constraint=models.UniqueConstraint(fields=('brand',), name='a_brand_is_watched_in_one_way'),
        ),
        migrations.AddConstraint(
            model_name='listeningsettings',
            constraint=models.CheckConstraint(condition=models.Q(('false_alarms_per_month__gt', 0), ('false_alarms_per_month__lte', 30)), name='a_budget_is_between_none_and_one_a_day'),
        ),
        migrations.AddConstraint(
            model_name='listeningsettings',
            constraint=models.CheckConstraint(condition=models.Q(('retention_days__gte', 30), ('retention_days__lte', 1830)), name='mentions_are_kept_a_month_to_five_years'),
        ),
        migrations.AddConstraint(
            model_name='moodcorrection',
            constraint=models.UniqueConstraint(fields=('brand', 'mention_id'), name='a_mention_has_one_correction'),
        ),
        migrations.AddConstraint(
            model_name='query',
            constraint=models.UniqueConstraint(fields=('brand', 'name'), name='a_name_is_one_query_of_a_brand'),
        ),
        migrations.AddIndex(
            model_name='story',
            index=models.Index(fields=['brand', '-last_at'], name='clustering_asks_for_stories'),
        ),
        migrations.AddConstraint(
            model_name='contagionstory',
            constraint=models.UniqueConstraint(fields=('contagion', 'story'), name='a_story_joins_a_contagion_once'),
        ),
        migrations.AddConstraint(
            model_name='storymention',
            constraint=models.UniqueConstraint(fields=('brand_id', 'mention_id'), name='a_mention_tells_one_story'),
        ),
        migrations.AddConstraint(
            model_name='verdict',
            constraint=models.UniqueConstraint(fields=('signal', 'seat'), name='a_person_says_one_thing_of_a_signal'),
        ),
    ]
