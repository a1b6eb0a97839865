"""Mail to people who want to hear of conversations that way: addresses, an outbox, and how it is sent."""
