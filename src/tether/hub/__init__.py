"""The hub: repositories, people and rights over HTTP, from one folder and one database."""
