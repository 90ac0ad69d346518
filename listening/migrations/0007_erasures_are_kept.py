"""Requests to be forgotten."""

import core.ids
import core.sealed
import core.wall
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('listening', '0006_imports_count_what_is_gone'),
        ('tenants', '0005_people_know_how_many_seats_they_have'),
    ]

    operations = [
        migrations.CreateModel(
            name='Erasure',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('network', models.CharField(blank=True, default='', max_length=20)),
                ('handle', core.sealed.SealedTextField(editable=False, null=True)),
                ('reached', models.UUIDField(null=True)),
                ('erased', models.PositiveIntegerField(default=0)),
                ('requested_at', models.DateTimeField()),
                ('finished_at', models.DateTimeField(null=True)),
                ('agency', models.ForeignKey(default=core.wall.standing_agency, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.agency')),
                ('brand', core.wall.TenantKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.brand')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('finished_at', None), ('handle__isnull', True), _connector='OR'), name='a_finished_erasure_has_forgotten_whom')],
            },
        ),
    ]
