"""The roof: settings, routes, the Celery app. It imports everyone and is imported by no one."""

from crisisapi.celery import app as celery_app

__all__ = ["celery_app"]
