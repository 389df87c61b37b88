"""A release that changes the code and not the data: the handlers became functions, the look-ups
dependencies, the search got an index. Fieldmark must stay quiet about it."""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import cache
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, BackgroundTasks, Depends, HTTPException, Query

from shop import catalogue
from shop.models import (
    Category,
    Customer,
    Health,
    Hit,
    Item,
    NewCustomer,
    NewOrder,
    Order,
    OrderLine,
    OrderPage,
    OrderPatch,
    Product,
    ProductDetail,
    ProductPage,
    SearchResult,
    Status,
    Tier,
    Wanted,
)
from shop.release import release
from shop.shop import HITS_MAX, PAGE_SIZE, TIER_DISCOUNTS, identifier_of

router = APIRouter()
Row = TypeVar("Row")


def found(table: dict[str, Row], identifier: str, noun: str) -> Row:
    try:
        return table[identifier]
    except KeyError:
        raise HTTPException(404, f"no such {noun}") from None


async def known_product(product_id: str) -> ProductDetail:
    return found(catalogue.PRODUCTS, product_id, "product")


async def known_order(order_id: str) -> Order:
    return found(catalogue.ORDERS, order_id, "order")


@router.get("/health")
async def health() -> Health:
    return Health(status="ok")


@router.get("/products")
async def list_products(category: Category | None = None, page: Annotated[int, Query(ge=1, le=100)] = 1) -> ProductPage:
    pages = shelf(category)
    return ProductPage(
        items=pages[page - 1] if page <= len(pages) else [],
        page=page,
        pages=len(pages),
        total=sum(map(len, pages)),
    )


@cache
def shelf(category: Category | None) -> list[list[Product]]:
    products = [
        Product(**product.model_dump())
        for product in catalogue.PRODUCTS.values()
        if category is None or product.category is category
    ]
    return [products[start : start + PAGE_SIZE] for start in range(0, len(products), PAGE_SIZE)]


@router.get("/products/{product_id}")
async def show_product(product: Annotated[ProductDetail, Depends(known_product)]) -> ProductDetail:
    return product


@cache
def index() -> list[tuple[str, ProductDetail]]:
    return [
        (" ".join([product.name, product.description, *product.tags]).lower(), product)
        for product in catalogue.PRODUCTS.values()
    ]


def scored(words: list[str]) -> list[tuple[float, ProductDetail]]:
    matches = [(sum(text.count(word) for word in words) / len(words), product) for text, product in index()]
    ranked = [(score + (product.rating or 3) / 10, product) for score, product in matches if score]
    return sorted(ranked, key=lambda entry: (-entry[0], entry[1].id))


@router.get("/search")
async def search_products(q: Annotated[str, Query(min_length=2, max_length=60)]) -> SearchResult:
    ranked = scored(q.lower().split())
    best = ranked[:HITS_MAX]
    return SearchResult(
        query=q,
        total=len(ranked),
        hits=[
            Hit(score=round(score, 3), **product.model_dump(include={"id", "name", "price"})) for score, product in best
        ],
        suggestions=sorted(set().union(*(product.tags for _, product in best))),
    )


def item_of(wanted: Wanted) -> Item:
    product = found(catalogue.PRODUCTS, wanted.product_id, "product")
    return Item(name=product.name, price=product.price, **wanted.model_dump())


@router.post("/orders", status_code=201)
async def place_order(new: NewOrder, tasks: BackgroundTasks) -> Order:
    items = [item_of(wanted) for wanted in new.items]
    contact: dict[str, Any] = {"phone": catalogue.international(new.customer.phone)}
    order = Order(
        **new.model_dump(exclude={"customer", "items"}),
        id=identifier_of("o", new.customer.email, new.ordered_at.isoformat()),
        status=Status.PAID if new.coupon else Status.PENDING,
        customer=new.customer.model_copy(update=contact),
        items=items,
        totals=catalogue.totals_of(items, new.coupon),
    )
    tasks.add_task(asyncio.sleep, 0.02)
    return order


@router.get("/orders")
async def list_orders(customer_id: str) -> OrderPage:
    orders = found(catalogue.ORDERS_OF, customer_id, "customer")
    by_status: Counter[Status] = Counter()
    for order in orders:
        by_status[order.status] += round(order.totals.total * 100)
    return OrderPage(
        customer_id=customer_id,
        orders=[line_of(order) for order in orders],
        spent=(by_status.total() - by_status[Status.CANCELLED]) / 100,
        discount_ratio=TIER_DISCOUNTS[catalogue.TIERS[customer_id]],
    )


def line_of(order: Order) -> OrderLine:
    return OrderLine(
        **order.model_dump(include={"id", "status", "ordered_at"}),
        item_count=sum(item.quantity for item in order.items),
        total=order.totals.total,
        products=[item.product_id for item in order.items],
    )


@router.get("/orders/{order_id}")
async def show_order(order: Annotated[Order, Depends(known_order)]) -> Order:
    return order


@router.patch("/orders/{order_id}")
async def patch_order(order: Annotated[Order, Depends(known_order)], patch: OrderPatch) -> Order:
    changes: dict[str, Any] = {"status": patch.status or order.status, "note": patch.note}
    if patch.address is not None:
        changes["customer"] = order.customer.model_copy(update={"address": patch.address})
    return order.model_copy(update=changes)


@router.post("/customers", status_code=201)
async def register(new: NewCustomer, tasks: BackgroundTasks) -> Customer:
    tier = Tier.PLUS if len(new.interests) > 2 else Tier.BASIC
    tasks.add_task(asyncio.sleep, 0.02)
    return Customer(**new.model_dump(), id=identifier_of("c", new.email), tier=tier)


app = release("decoy", router)
