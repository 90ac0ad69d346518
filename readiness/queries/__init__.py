"""Questions about what is prepared."""

from readiness.queries.plans import newest_template_version, newest_version_of, plan_in_force, preapproved

__all__ = ["newest_template_version", "newest_version_of", "plan_in_force", "preapproved"]
