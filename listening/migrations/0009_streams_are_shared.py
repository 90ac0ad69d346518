"""How far a stream has been read that all agencies share."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('listening', '0008_signals_are_escalated'),
    ]

    operations = [
        migrations.CreateModel(
            name='SharedStream',
            fields=[
                ('name', models.CharField(max_length=40, primary_key=True, serialize=False)),
                ('cursor', models.JSONField(null=True)),
                ('answered_at', models.DateTimeField(null=True)),
                ('failures', models.PositiveIntegerField(default=0)),
                ('gaps', models.PositiveIntegerField(default=0)),
                ('problem', models.CharField(blank=True, default='', max_length=200)),
            ],
        ),
    ]
