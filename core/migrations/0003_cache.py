from django.db import migrations


class Migration(migrations.Migration):
    """The table of Django's database cache, as `createcachetable` makes it."""

    dependencies = [("core", "0002_wall_answers")]

    operations = [
        migrations.RunSQL(
            sql=[
                "CREATE TABLE IF NOT EXISTS core_cache (cache_key varchar(255) PRIMARY KEY, value text NOT NULL, "
                "expires timestamptz NOT NULL)",
                "CREATE INDEX IF NOT EXISTS core_cache_expires ON core_cache (expires)",
            ],
            # Going back leaves the table: it holds nothing that anybody misses, and is in nobody's way.
            reverse_sql=migrations.RunSQL.noop,
        )
    ]
