"""Webhooks: who is told of events by HTTP, and how that is sent."""
