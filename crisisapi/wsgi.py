"""The web server's entry."""

import os

from django.core.wsgi import get_wsgi_application
from django.utils.module_loading import import_string

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crisisapi.settings")
application = get_wsgi_application()
# By name: its module holds models' keys and can be read only now that the apps are there.
import_string("core.walls.refuse_unbound_role")()
