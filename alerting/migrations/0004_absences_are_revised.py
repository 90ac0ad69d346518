from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('alerting', '0003_rotas_have_rotations'),
        ('tenants', '__first__'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='shiftswap',
            name='only_a_taken_swap_says_by_whom',
        ),
        migrations.AddField(
            model_name='absence',
            name='version',
            field=models.PositiveIntegerField(db_default=1, default=1),
        ),
        migrations.AddConstraint(
            model_name='shiftswap',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('settled_at__isnull', False), ('taken_by__isnull', False)), models.Q(('stage', 'TAKEN'), _negated=True), _connector='OR'), name='a_taken_swap_says_by_whom_and_since_when'),
        ),
    ]
