from django.db import migrations

from core.ids import uuid7


def open_the_step_that_is_asked(apps, schema_editor):
    """Each request that waits for voices gets the row of its one open step. From wall to wall, as ever."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT id FROM tenants_agency ORDER BY id")
        for (agency,) in cursor.fetchall():
            cursor.execute("SELECT set_config('app.agency', %s, true)", [str(agency)])
            cursor.execute(
                "SELECT id FROM approvals_approval WHERE agency_id = %s AND stage = 'PENDING' AND id NOT IN "
                "(SELECT approval_id FROM approvals_askedstep WHERE agency_id = %s)",
                [agency, agency],
            )
            for (approval,) in cursor.fetchall():
                cursor.execute(
                    "INSERT INTO approvals_askedstep (id, agency_id, approval_id, place, roles, deputy_seat_ids, "
                    "opened_at) SELECT %s, agency_id, id, stage_index, ARRAY[stages -> stage_index::int ->> 'role'], "
                    "'{}', requested_at FROM approvals_approval WHERE agency_id = %s AND id = %s",
                    [uuid7(), agency, approval],
                )
        cursor.execute("SELECT set_config('app.agency', '', true)")


class Migration(migrations.Migration):
    dependencies = [("approvals", "0004_parallel_steps_delegations_and_bypasses"), ("tenants", "__first__")]

    operations = [migrations.RunPython(open_the_step_that_is_asked, migrations.RunPython.noop, elidable=True)]
