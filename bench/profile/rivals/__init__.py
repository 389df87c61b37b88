"""What is compared, a file each. ``TITLE`` names it; ``observer()`` gives a callable that takes one body as bytes, with
a profile of its own where it keeps one. ``COLD``: whether it is measured with cold caches too."""
