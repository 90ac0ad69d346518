"""The Celery app: workers that are told a job's id and nothing else. Beat only rings the sweep."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crisisapi.settings")

app = Celery("crisisapi")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["jobs"])
