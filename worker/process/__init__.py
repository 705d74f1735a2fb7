"""The processes: Celery's app and tasks, what a worker does beside them, and how settings become a dialer."""
