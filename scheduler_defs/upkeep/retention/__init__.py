"""What is older than it is kept goes: `signalbox prune`, and the job `retention`."""
