"""The addresses below `/scim/v2/{agency}/`."""

from __future__ import annotations

from django.urls import path

from tenants.scim import views

urlpatterns = [
    path("ServiceProviderConfig", views.Config.as_view()),
    path("ResourceTypes", views.ResourceTypes.as_view()),
    path("ResourceTypes/<str:name>", views.ResourceTypes.as_view()),
    path("Schemas", views.Schemas.as_view()),
    path("Schemas/<str:name>", views.Schemas.as_view()),
    path("Users", views.Users.as_view()),
    path("Users/.search", views.SearchUsers.as_view()),
    path("Users/<str:row_id>", views.OneUser.as_view()),
    path("Groups", views.Groups.as_view()),
    path("Groups/.search", views.SearchGroups.as_view()),
    path("Groups/<str:row_id>", views.OneGroup.as_view()),
    path(".search", views.Search.as_view()),
    path("<path:rest>", views.Nothing.as_view()),
]
