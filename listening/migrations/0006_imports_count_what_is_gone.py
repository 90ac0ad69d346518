"""An import counts deletions, and what is older than the brand keeps."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('listening', '0005_mentions_can_be_searched'),
    ]

    operations = [
        migrations.AddField(
            model_name='import',
            name='deleted',
            field=models.PositiveIntegerField(default=0, db_default=0),
        ),
        migrations.AddField(
            model_name='import',
            name='expired',
            field=models.PositiveIntegerField(default=0, db_default=0),
        ),
    ]
