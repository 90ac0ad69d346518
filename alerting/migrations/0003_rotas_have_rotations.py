import core.wall
import django.db.models.deletion
from django.db import migrations

from core.ids import uuid7


def move_turns_to_rotations(apps, schema_editor):
    """Every rota gets one rotation with what it was itself. From wall to wall: no query sees two agencies."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT id FROM tenants_agency ORDER BY id")
        for (agency,) in cursor.fetchall():
            cursor.execute("SELECT set_config('app.agency', %s, true)", [str(agency)])
            cursor.execute(
                "SELECT id FROM alerting_rota WHERE agency_id = %s AND id NOT IN "
                "(SELECT rota_id FROM alerting_rotation WHERE agency_id = %s)",
                [agency, agency],
            )
            for (rota,) in cursor.fetchall():
                cursor.execute(
                    "INSERT INTO alerting_rotation (id, agency_id, rota_id, position, name, time_zone, members, "
                    "starts_at, turn_unit, turn_length, windows, from_calendar) "
                    "SELECT %s, agency_id, id, 1, name, time_zone, members, starts_at, "
                    "CASE WHEN shift_hours %% 168 = 0 THEN 'weeks' WHEN shift_hours %% 24 = 0 THEN 'days' "
                    "ELSE 'hours' END, "
                    "CASE WHEN shift_hours %% 168 = 0 THEN shift_hours / 168 WHEN shift_hours %% 24 = 0 "
                    "THEN shift_hours / 24 ELSE shift_hours END, '[]', false "
                    "FROM alerting_rota WHERE agency_id = %s AND id = %s",
                    [uuid7(), agency, rota],
                )
        cursor.execute("SELECT set_config('app.agency', '', true)")
        # No key waits to be checked when the columns go.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


class Migration(migrations.Migration):

    dependencies = [
        ('alerting', '0002_rotations_rules_and_silences'),
        ('tenants', '__first__'),
    ]

    operations = [
        migrations.AlterField(
            model_name='rotation',
            name='rota',
            field=core.wall.TenantKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='rotations', to='alerting.rota'),
        ),
        migrations.RunPython(move_turns_to_rotations, migrations.RunPython.noop, elidable=True),
        migrations.RemoveConstraint(
            model_name='rota',
            name='a_shift_lasts_an_hour_at_least',
        ),
        migrations.RemoveField(
            model_name='rota',
            name='members',
        ),
        migrations.RemoveField(
            model_name='rota',
            name='shift_hours',
        ),
        migrations.RemoveField(
            model_name='rota',
            name='starts_at',
        ),
    ]
