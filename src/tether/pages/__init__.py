"""What people see of repositories in a browser; the hub and `tether ui` serve it."""
