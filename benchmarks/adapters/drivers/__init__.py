"""Programs that call a peer's library; they run on that peer's Python and import nothing from here."""
