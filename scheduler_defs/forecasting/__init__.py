"""What the declared schedules are going to do: declarations and history in, a document or a page out."""
