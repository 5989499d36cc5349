"""Settings → objects behind the ports: the only place that chooses. Callers import from the module that they need."""
