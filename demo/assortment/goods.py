"""The words of the built-in catalogue, all made up: what the shop sells, from whom, in which colours and sizes."""

from collections.abc import Sequence

from msgspec import Struct


class Node(Struct, frozen=True):
    """A node of the taxonomy; `parent` is the id of another one."""

    node_id: str
    kind: str
    name: str
    parent: str | None = None


class Vendor(Struct, frozen=True):
    """A vendor of the catalogue."""

    vendor_id: str
    code: str
    name: str


class ArticleKind(Struct, frozen=True):
    """A kind of article, of which the catalogue has a style for each of `lines`.

    prices  lowest and highest price in whole euros
    grams   weight of the smallest variant; every further size weighs a tenth more
    """

    noun: str
    code: str
    category: str
    department: str
    division: str
    lines: Sequence[str]
    prices: tuple[int, int]
    grams: int
    material: str
    colours: Sequence[str] = ()
    colours_each: int = 0
    sizes: Sequence[str] = ()


VENDORS = (
    Vendor("ven-halyard", "HAL", "Halyard & Sons"),
    Vendor("ven-lumen", "LUM", "Lumen Works"),
    Vendor("ven-moor", "MOR", "Moorland Mills"),
    Vendor("ven-quarry", "QUA", "Quarry Pottery"),
    Vendor("ven-tarn", "TRN", "Tarn Outdoor"),
    Vendor("ven-verso", "VER", "Verso Press"),
)
TAXONOMY = (
    Node("div-apparel", "division", "Apparel"),
    Node("div-home", "division", "Home"),
    Node("div-outdoor", "division", "Outdoor"),
    Node("dep-tops", "department", "Tops", "div-apparel"),
    Node("dep-bottoms", "department", "Bottoms", "div-apparel"),
    Node("dep-outerwear", "department", "Outerwear", "div-apparel"),
    Node("dep-kitchen", "department", "Kitchen", "div-home"),
    Node("dep-living", "department", "Living", "div-home"),
    Node("dep-reading", "department", "Reading", "div-home"),
    Node("dep-carry", "department", "Carry", "div-outdoor"),
    Node("dep-camp", "department", "Camp", "div-outdoor"),
    Node("cat-tees", "category", "T-shirts", "dep-tops"),
    Node("cat-shirts", "category", "Shirts", "dep-tops"),
    Node("cat-jumpers", "category", "Jumpers", "dep-tops"),
    Node("cat-jackets", "category", "Jackets", "dep-outerwear"),
    Node("cat-trousers", "category", "Trousers", "dep-bottoms"),
    Node("cat-mugs", "category", "Mugs", "dep-kitchen"),
    Node("cat-bowls", "category", "Bowls", "dep-kitchen"),
    Node("cat-blankets", "category", "Blankets", "dep-living"),
    Node("cat-lamps", "category", "Lamps", "dep-living"),
    Node("cat-notebooks", "category", "Notebooks", "dep-reading"),
    Node("cat-backpacks", "category", "Backpacks", "dep-carry"),
    Node("cat-bottles", "category", "Bottles", "dep-carry"),
    Node("cat-tents", "category", "Tents", "dep-camp"),
    Node("cat-stoves", "category", "Stoves", "dep-camp"),
)
_CLOTH = ("Navy", "Sand", "Rust", "Moss", "Chalk", "Charcoal")
_GLAZE = ("Cobalt", "Oat", "Fern", "Coal")
KINDS = (
    ArticleKind(
        noun="tee",
        code="TEE",
        category="cat-tees",
        department="dep-tops",
        division="div-apparel",
        lines=("Harbour", "Meadow", "Signal", "Drift", "Ember", "Folk"),
        prices=(19, 35),
        grams=160,
        material="organic cotton",
        colours=_CLOTH,
        colours_each=3,
        sizes=("S", "M", "L", "XL"),
    ),
    ArticleKind(
        noun="shirt",
        code="SHT",
        category="cat-shirts",
        department="dep-tops",
        division="div-apparel",
        lines=("Oxford", "Linen", "Flannel", "Poplin"),
        prices=(49, 79),
        grams=240,
        material="cotton and linen",
        colours=_CLOTH,
        colours_each=2,
        sizes=("S", "M", "L", "XL"),
    ),
    ArticleKind(
        noun="jumper",
        code="JMP",
        category="cat-jumpers",
        department="dep-tops",
        division="div-apparel",
        lines=("Merino crew", "Merino roll-neck", "Fisher", "Cable"),
        prices=(69, 129),
        grams=380,
        material="merino wool",
        colours=_CLOTH,
        colours_each=3,
        sizes=("S", "M", "L"),
    ),
    ArticleKind(
        noun="jacket",
        code="JKT",
        category="cat-jackets",
        department="dep-outerwear",
        division="div-apparel",
        lines=("Chore", "Rain", "Quilted"),
        prices=(119, 229),
        grams=720,
        material="waxed cotton",
        colours=_CLOTH,
        colours_each=2,
        sizes=("S", "M", "L", "XL"),
    ),
    ArticleKind(
        noun="trousers",
        code="TRS",
        category="cat-trousers",
        department="dep-bottoms",
        division="div-apparel",
        lines=("Canvas", "Chino", "Corduroy", "Pleated"),
        prices=(59, 99),
        grams=420,
        material="cotton twill",
        colours=_CLOTH,
        colours_each=2,
        sizes=("28", "30", "32", "34", "36"),
    ),
    ArticleKind(
        noun="mug",
        code="MUG",
        category="cat-mugs",
        department="dep-kitchen",
        division="div-home",
        lines=("Campfire", "Studio", "Tall", "Espresso", "Café"),
        prices=(12, 24),
        grams=320,
        material="stoneware",
        colours=_GLAZE,
        colours_each=4,
    ),
    ArticleKind(
        noun="bowl",
        code="BWL",
        category="cat-bowls",
        department="dep-kitchen",
        division="div-home",
        lines=("Ramen", "Breakfast", "Mixing", "Serving"),
        prices=(16, 48),
        grams=500,
        material="stoneware",
        colours=_GLAZE,
        colours_each=2,
        sizes=("Small", "Large"),
    ),
    ArticleKind(
        noun="blanket",
        code="BLK",
        category="cat-blankets",
        department="dep-living",
        division="div-home",
        lines=("Herringbone", "Waffle", "Picnic", "Merino"),
        prices=(79, 159),
        grams=1100,
        material="wool",
        colours=_CLOTH,
        colours_each=3,
    ),
    ArticleKind(
        noun="lamp",
        code="LMP",
        category="cat-lamps",
        department="dep-living",
        division="div-home",
        lines=("Desk", "Reading", "Lantern", "Clip"),
        prices=(45, 145),
        grams=900,
        material="powder-coated steel",
        colours=("Black", "Brass"),
        colours_each=2,
    ),
    ArticleKind(
        noun="notebook",
        code="NTB",
        category="cat-notebooks",
        department="dep-reading",
        division="div-home",
        lines=("Pocket", "Field", "Ledger", "Sketch"),
        prices=(8, 22),
        grams=180,
        material="recycled paper",
    ),
    ArticleKind(
        noun="backpack",
        code="BPK",
        category="cat-backpacks",
        department="dep-carry",
        division="div-outdoor",
        lines=("Day", "Ridge", "Commuter", "Roll-top"),
        prices=(69, 169),
        grams=950,
        material="recycled nylon",
        colours=_CLOTH,
        colours_each=3,
    ),
    ArticleKind(
        noun="bottle",
        code="BTL",
        category="cat-bottles",
        department="dep-carry",
        division="div-outdoor",
        lines=("Insulated", "Trail", "Glass", "Steel"),
        prices=(18, 39),
        grams=260,
        material="stainless steel",
        colours=("Slate", "Pine"),
        colours_each=2,
        sizes=("0.5 l", "0.75 l"),
    ),
    ArticleKind(
        noun="tent",
        code="TNT",
        category="cat-tents",
        department="dep-camp",
        division="div-outdoor",
        lines=("Solo", "Family"),
        prices=(219, 489),
        grams=2400,
        material="ripstop nylon",
        colours=("Pine", "Rust"),
        colours_each=2,
    ),
    ArticleKind(
        noun="stove",
        code="STV",
        category="cat-stoves",
        department="dep-camp",
        division="div-outdoor",
        lines=("Micro", "Twin", "Alcohol", "Wood"),
        prices=(29, 119),
        grams=310,
        material="titanium",
    ),
)
VENDOR_OF = {
    "div-apparel": ("ven-halyard", "ven-moor"),
    "dep-kitchen": ("ven-quarry",),
    "dep-living": ("ven-lumen", "ven-moor"),
    "dep-reading": ("ven-verso",),
    "div-outdoor": ("ven-tarn",),
}
"""Who makes the articles of a department or a division."""
