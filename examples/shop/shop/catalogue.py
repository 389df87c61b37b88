"""The shop's data: what a database would hold, made from a fixed seed, so that every worker answers alike."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from random import Random

from shop.models import (
    Address,
    Buyer,
    Category,
    Channel,
    Item,
    Order,
    ProductDetail,
    Size,
    Status,
    Tier,
    Totals,
)

CUSTOMERS = 50
ORDERS_PER_CUSTOMER = 4
FREE_SHIPPING_FROM = 60.0
SHIPPING = 4.9
COUPONS = {"WELCOME5": 0.05, "TEATIME": 0.1}

_KINDS = {
    Category.COFFEE: (["Espresso", "Filter roast", "Cold brew", "Decaf"], 9, 24),
    Category.TEA: (["Assam", "Sencha", "Rooibos", "Mint"], 5, 18),
    Category.EQUIPMENT: (["Hand grinder", "Kettle", "Scale", "French press"], 25, 180),
    Category.CROCKERY: (["Cup", "Saucer", "Carafe", "Tea bowl"], 7, 45),
    Category.GIFTS: (["Gift box", "Tasting set", "Voucher card"], 15, 90),
}
_ORIGINS = ["Harbour", "Northlight", "Old Mill", "Riverbend", "Meadow"]
_TAGS = ["organic", "fair trade", "new", "limited", "bestseller", "refill"]
_FIRST = ["Ada", "Jonas", "Mira", "Emil", "Lena", "Omar", "Ines", "Paul", "Yuki", "Nora"]
_LAST = ["Brandt", "Okafor", "Lindner", "Petrov", "Sommer"]
_STREETS = ["Lindenweg", "Hafenstraße", "Am Markt", "Gartenallee", "Mühlgasse"]
_CITIES = [
    ("20095", "Hamburg"),
    ("10115", "Berlin"),
    ("80331", "München"),
    ("50667", "Köln"),
    ("04109", "Leipzig"),
]


def international(phone: str | None) -> str | None:
    """`030 23125 042` as customers type it → `+493023125042`."""
    if phone is None:
        return None
    digits = "".join(character for character in phone if character.isdigit() or character == "+")
    return "+49" + digits[1:] if digits.startswith("0") else digits


def euros(amount: float) -> float:
    return round(amount, 2)


def totals_of(items: list[Item], coupon: str | None) -> Totals:
    goods = sum(item.price * item.quantity for item in items)
    discount = goods * COUPONS.get(coupon or "", 0.0)
    shipping = 0.0 if goods >= FREE_SHIPPING_FROM else SHIPPING
    return Totals(
        goods=euros(goods),
        discount=euros(discount),
        shipping=shipping,
        total=euros(goods - discount + shipping),
    )


def _products(random: Random) -> dict[str, ProductDetail]:
    products: dict[str, ProductDetail] = {}
    for category, (kinds, low, high) in _KINDS.items():
        for kind in kinds:
            for origin in _ORIGINS[: random.randint(2, 4)]:
                identifier = f"p-{len(products) + 101}"
                products[identifier] = ProductDetail(
                    id=identifier,
                    name=f"{origin} {kind.lower()}",
                    category=category,
                    price=euros(random.randint(low, high) + random.choice([0, 0.5, 0.9])),
                    tags=sorted(random.sample(_TAGS, random.randint(0, 3))),
                    rating=None if random.random() < 0.1 else round(random.uniform(3.2, 5), 1),
                    description=f"{kind} by {origin}, " + random.choice(["packed by hand", "in a tin", "made to last"]),
                    in_stock=random.random() < 0.85,
                    size=None
                    if category is Category.GIFTS
                    else Size(
                        width_cm=round(random.uniform(6, 30), 1),
                        height_cm=round(random.uniform(8, 40), 1),
                        weight_g=random.randint(100, 2400),
                    ),
                )
    return products


def address_of(random: Random) -> Address:
    postcode, city = random.choice(_CITIES)
    return Address(street=f"{random.choice(_STREETS)} {random.randint(1, 98)}", postcode=postcode, city=city)


def name_of(number: int) -> str:
    return f"{_FIRST[number % len(_FIRST)]} {_LAST[number // len(_FIRST) % len(_LAST)]}"


def email_of(number: int) -> str:
    return name_of(number).lower().replace(" ", ".") + f"{number}@example.org"


def _buyers(random: Random) -> dict[str, Buyer]:
    return {
        f"c-{number + 1001}": Buyer(
            name=name_of(number),
            email=email_of(number),
            phone=international(f"030 23125 {random.randint(0, 999):03}"),  # a range reserved for fiction
            address=address_of(random),
        )
        for number in range(CUSTOMERS)
    }


def _orders(random: Random) -> dict[str, list[Order]]:
    first = datetime(2026, 1, 5, 8, tzinfo=UTC)
    orders = defaultdict(list)
    for customer, buyer in BUYERS.items():
        for turn in range(ORDERS_PER_CUSTOMER):
            items = [
                Item(
                    product_id=product.id,
                    name=product.name,
                    quantity=random.randint(1, 3),
                    price=product.price,
                )
                for product in random.sample(list(PRODUCTS.values()), random.randint(1, 5))
            ]
            coupon = random.choice([None, None, None, *COUPONS])
            orders[customer].append(
                Order(
                    id=f"o-{customer[2:]}{turn}",
                    status=random.choices(list(Status), weights=[1, 2, 2, 6, 1])[0],
                    channel=random.choice(list(Channel)),
                    customer=buyer,
                    items=items,
                    totals=totals_of(items, coupon),
                    coupon=coupon,
                    ordered_at=first + timedelta(minutes=random.randint(0, 400_000)),
                )
            )
    return dict(orders)


_random = Random("catalogue")
PRODUCTS = _products(_random)
BUYERS = _buyers(_random)
ORDERS_OF = _orders(_random)
ORDERS = {order.id: order for orders in ORDERS_OF.values() for order in orders}
# One customer in fifty is a partner.
TIERS = {
    customer: Tier.PARTNER if number == 23 else Tier.PLUS if number % 4 == 0 else Tier.BASIC
    for number, customer in enumerate(BUYERS)
}
