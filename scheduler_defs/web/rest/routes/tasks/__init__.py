"""Tasks: read and edited, steerable by people, claimed and worked on by agents from outside."""
