"""Pages of a large repository under many readers: what is stored, who serves it, who reads it."""
