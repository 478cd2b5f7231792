"""Global trade item numbers: lengths by type, check digits, and the expansion of UPC-E."""

LENGTHS = {"ean8": 8, "upce": 8, "upca": 12, "ean13": 13, "gtin14": 14}


def is_gtin(value: str, kind: str) -> bool:
    """Whether digits have the length of their type and the right check digit. Type `other` promises nothing."""
    if kind == "other":
        return True
    if len(value) != LENGTHS[kind]:
        return False
    whole = upca_of(value) if kind == "upce" else value
    return whole is not None and int(whole[-1]) == check_digit(whole[:-1])


def check_digit(digits: str) -> int:
    """The check digit behind these digits: weights 3 and 1 in turn from the right."""
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return -total % 10


def upca_of(value: str) -> str | None:
    """The UPC-A that an 8-digit UPC-E stands for; None where its number system is neither 0 nor 1."""
    system, body, check = value[0], value[1:7], value[7]
    if system not in "01":
        return None
    last = body[5]
    if last in "012":
        middle = f"{body[:2]}{last}0000{body[2:5]}"
    elif last == "3":
        middle = f"{body[:3]}00000{body[3:5]}"
    elif last == "4":
        middle = f"{body[:4]}00000{body[4]}"
    else:
        middle = f"{body[:5]}0000{last}"
    return f"{system}{middle}{check}"
