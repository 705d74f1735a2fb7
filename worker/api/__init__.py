"""HTTP: what carriers and load balancers call. ``app`` is the application, served by ``uvicorn worker.api.app:app``."""
