"""The release that works."""

from __future__ import annotations

from shop.release import release
from shop.shop import Shop

app = release("good", Shop().router())
