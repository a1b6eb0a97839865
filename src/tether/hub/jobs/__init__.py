"""What a hub does from time to time: jobs in the database, done by whichever process takes them up."""
