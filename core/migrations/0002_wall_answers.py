from django.db import migrations

OWN_ROWS = "agency_id IS NOT DISTINCT FROM (SELECT nullif(current_setting('app.agency', true), '')::uuid)"


class Migration(migrations.Migration):
    """Stored answers hold what an agency was told. Rows of no agency are seen only where no wall stands."""

    dependencies = [("core", "0001_initial")]

    operations = [
        migrations.RunSQL(
            sql=[
                "ALTER TABLE core_idempotentanswer ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
                "CREATE POLICY rows_are_usable ON core_idempotentanswer USING (true) WITH CHECK (true)",
                "CREATE POLICY rows_stay_in_their_agency ON core_idempotentanswer AS RESTRICTIVE "
                f"USING ({OWN_ROWS}) WITH CHECK ({OWN_ROWS})",
            ],
            reverse_sql=[
                "DROP POLICY rows_stay_in_their_agency ON core_idempotentanswer",
                "DROP POLICY rows_are_usable ON core_idempotentanswer",
                "ALTER TABLE core_idempotentanswer NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY",
            ],
        )
    ]
