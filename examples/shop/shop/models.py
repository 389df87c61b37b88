"""What goes over the wire."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, Field

Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[a-z]{2,}$", max_length=120)]


class Category(StrEnum):
    COFFEE = "coffee"
    TEA = "tea"
    EQUIPMENT = "equipment"
    CROCKERY = "crockery"
    GIFTS = "gifts"


class Channel(StrEnum):
    WEB = "web"
    APP = "app"
    TELEPHONE = "telephone"


class Status(StrEnum):
    PENDING = "pending"
    PAID = "paid"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


class Tier(StrEnum):
    BASIC = "basic"
    PLUS = "plus"
    PARTNER = "partner"


class Address(BaseModel):
    street: str = Field(min_length=1, max_length=120)
    postcode: str = Field(pattern=r"^\d{5}$")
    city: str = Field(min_length=1, max_length=80)
    country: str = Field(default="DE", pattern=r"^[A-Z]{2}$")


class Buyer(BaseModel):
    name: str = Field(min_length=1, max_length=120)
    email: Email
    phone: str | None = None
    address: Address


class Size(BaseModel):
    width_cm: float
    height_cm: float
    weight_g: int


class Product(BaseModel):
    id: str
    name: str
    category: Category
    price: float
    currency: str = "EUR"
    tags: list[str]
    rating: float | None


class ProductPage(BaseModel):
    items: list[Product]
    page: int
    pages: int
    total: int


class ProductDetail(Product):
    description: str
    in_stock: bool
    size: Size | None


class Hit(BaseModel):
    id: str
    name: str
    price: float
    score: float


class SearchResult(BaseModel):
    query: str
    total: int
    hits: list[Hit]
    suggestions: list[str]


class Wanted(BaseModel):
    product_id: str
    quantity: int = Field(ge=1, le=50)
    gift_note: str | None = Field(default=None, max_length=200)


class NewOrder(BaseModel):
    customer: Buyer
    items: list[Wanted] = Field(min_length=1, max_length=40)
    channel: Channel
    coupon: str | None = None
    ordered_at: datetime


class Item(BaseModel):
    product_id: str
    name: str
    quantity: int
    price: float
    gift_note: str | None = None


class Totals(BaseModel):
    goods: float
    discount: float
    shipping: float
    total: float


class Order(BaseModel):
    id: str
    status: Status
    channel: Channel
    customer: Buyer
    items: list[Item]
    totals: Totals
    coupon: str | None
    note: str | None = None
    ordered_at: datetime


class OrderLine(BaseModel):
    id: str
    status: Status
    ordered_at: datetime
    item_count: int
    total: float
    products: list[str]


class OrderPage(BaseModel):
    customer_id: str
    orders: list[OrderLine]
    spent: float
    discount_ratio: float


class OrderPatch(BaseModel):
    status: Status | None = None
    note: str | None = Field(default=None, max_length=500)
    address: Address | None = None


class NewCustomer(BaseModel):
    name: str = Field(min_length=1, max_length=120)
    email: Email
    address: Address
    birthday: date | None = None
    interests: list[Category] = []
    newsletter: bool = False


class Customer(NewCustomer):
    id: str
    tier: Tier


class Health(BaseModel):
    status: str
