"""When a source was last asked with success, since when it is watched; and an import moves as its lifecycle says."""

import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('listening', '0003_brands_hear_more'),
    ]

    operations = [
        migrations.AddField(
            model_name='source',
            name='answered_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='source',
            name='watched_from',
            field=models.DateTimeField(null=True),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='import',
            trigger=pgtrigger.compiler.Trigger(name='import_moves', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE _is_valid_transition BOOLEAN;', func='SELECT CONCAT(OLD."stage", \':\', NEW."stage") = ANY(\'{RUNNING:CANCELLED,RUNNING:DONE,RUNNING:FAILED,WAITING:CANCELLED,WAITING:FAILED,WAITING:RUNNING}\'::text[]) INTO _is_valid_transition; IF (_is_valid_transition IS FALSE AND OLD."stage" IS DISTINCT FROM NEW."stage") THEN RAISE EXCEPTION \'pgtrigger: Invalid transition of field "stage" from "%" to "%" on table %\', OLD."stage", NEW."stage", TG_TABLE_NAME; ELSE RETURN NEW; END IF;', hash='5f8c80f669768ebd9753c345736833d33340c5f9', operation='UPDATE', pgid='pgtrigger_import_moves_3ea3c', table='listening_import', when='BEFORE')),
        ),
    ]
