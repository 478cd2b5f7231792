"""The endpoints that change what a channel does."""

from chassis.endpoint import Endpoints
from services.slc.lifecycle import activation, ending, forcing, updating

endpoints = Endpoints("slc")
endpoints.include(updating.endpoints, activation.endpoints, forcing.endpoints, ending.endpoints)
