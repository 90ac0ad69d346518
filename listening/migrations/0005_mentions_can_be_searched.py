"""Words of mentions by day, and the days that there are; what was stored before is indexed in the background."""

import core.ids
import core.wall
import django.contrib.postgres.fields
import django.db.models.deletion
from django.contrib.postgres.operations import TrigramExtension
from django.db import migrations, models

# The owner of a table is bound by forced row-level security too; a migration belongs to no agency.
FIND_DAYS = """
ALTER TABLE listening_bucket NO FORCE ROW LEVEL SECURITY;
INSERT INTO listening_searchday (id, agency_id, brand_id, day, starts, ends, dirty)
SELECT gen_random_uuid(), agency_id, brand_id, day,
       rpad(lpad(to_hex((extract(epoch FROM day) * 1000)::bigint), 12, '0'), 32, '0')::uuid,
       rpad(lpad(to_hex((extract(epoch FROM day + 1) * 1000)::bigint), 12, '0'), 32, '0')::uuid, true
  FROM (SELECT DISTINCT agency_id, brand_id, (minute AT TIME ZONE 'UTC')::date AS day FROM listening_bucket) AS days;
ALTER TABLE listening_bucket FORCE ROW LEVEL SECURITY;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('listening', '0004_sources_are_watched_and_imports_move'),
        ('tenants', '0005_people_know_how_many_seats_they_have'),
    ]

    operations = [
        TrigramExtension(),
        migrations.CreateModel(
            name='SearchDay',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('brand_id', models.UUIDField()),
                ('day', models.DateField()),
                ('starts', models.UUIDField()),
                ('ends', models.UUIDField()),
                ('dirty', models.BooleanField(default=True)),
                ('agency', models.ForeignKey(db_constraint=False, db_index=False, default=core.wall.standing_agency, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.agency')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('dirty', True)), fields=['day'], name='indexing_asks_for_dirty_days')],
                'constraints': [models.UniqueConstraint(fields=('brand_id', 'day'), name='a_brand_has_a_day_of_mentions_once')],
            },
        ),
        migrations.CreateModel(
            name='Term',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('brand_id', models.UUIDField()),
                ('day', models.DateField()),
                ('term', models.CharField(db_collation='C', max_length=60)),
                ('mention_ids', django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), size=None)),
                ('agency', models.ForeignKey(db_constraint=False, db_index=False, default=core.wall.standing_agency, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.agency')),
            ],
            options={
                'indexes': [models.Index(fields=['brand_id', 'day'], name='indexing_empties_a_day')],
                'constraints': [models.UniqueConstraint(fields=('brand_id', 'term', 'day'), name='a_word_of_a_day_has_one_list')],
            },
        ),
        migrations.CreateModel(
            name='Word',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('brand_id', models.UUIDField()),
                ('term', models.CharField(db_collation='C', max_length=60)),
                ('agency', models.ForeignKey(db_constraint=False, db_index=False, default=core.wall.standing_agency, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.agency')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('brand_id', 'term'), name='a_word_is_known_once')],
            },
        ),
        migrations.RunSQL(FIND_DAYS, elidable=False),
    ]
