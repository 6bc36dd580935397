"""The queue: one YAML file that people edit and programs change, without either treading on the other."""
