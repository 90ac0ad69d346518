"""Months of mentions are made and dropped by the tables' owner, for whichever role serves."""

from django.db import migrations

# The serving role does not own the tables (docs/operations.md), so both functions run as their owner. What they do is
# narrow: a month that is missing is made, and whole months are dropped.
MAKE = """
CREATE FUNCTION listening_make_month(month date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    name text := 'listening_mention_' || to_char(month, 'YYYY_MM');
    first text := rpad(lpad(to_hex((extract(epoch FROM month::timestamp) * 1000)::bigint), 12, '0'), 32, '0');
    after text := rpad(lpad(to_hex((extract(epoch FROM (month + interval '1 month')::timestamp) * 1000)::bigint),
                            12, '0'), 32, '0');
BEGIN
    IF month <> date_trunc('month', month) OR month < '2026-01-01' THEN
        RAISE EXCEPTION 'No month of mentions begins on %.', month USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- Two processes that make the same month take turns.
    PERFORM pg_advisory_xact_lock(119212433040750);
    -- Asked of the catalogue itself: to_regclass may answer from what this connection knew before it waited.
    IF EXISTS (SELECT FROM pg_class WHERE relname = name AND relnamespace = 'public'::regnamespace) THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE listening_mention INCLUDING DEFAULTS INCLUDING CONSTRAINTS '
                   'INCLUDING STORAGE)', name);
    -- Nobody reads a partition but through its table: alone it shows nothing to anybody.
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    -- Attaching asks for a lock that waits for no reader or writer; CREATE TABLE … PARTITION OF would wait for all.
    EXECUTE format('ALTER TABLE listening_mention ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                   name, first, after);
    RETURN true;
END $$;
"""
# Dropping asks for a lock that waits for every reader and keeps later ones waiting: not for long, or it gives up.
DROP = """
CREATE FUNCTION listening_drop_months(before uuid) RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '3s' AS $$
DECLARE
    old record;
BEGIN
    FOR old IN
        SELECT child.relname,
               substring(pg_get_expr(child.relpartbound, child.oid) FROM ' TO \\(''([0-9a-f-]{36})') AS till
          FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
         WHERE inhparent = 'listening_mention'::regclass ORDER BY child.relname
    LOOP
        IF old.till IS NOT NULL AND old.till::uuid <= before THEN
            EXECUTE format('DROP TABLE %I', old.relname);
            RETURN NEXT old.relname;
        END IF;
    END LOOP;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("listening", "0009_streams_are_shared")]

    operations = [
        migrations.RunSQL(MAKE, "DROP FUNCTION listening_make_month(date)"),
        migrations.RunSQL(DROP, "DROP FUNCTION listening_drop_months(uuid)"),
    ]
