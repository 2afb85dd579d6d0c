"""Where trials run: local cores, a Ray cluster, a tracking server. See README.md in this folder."""
