"""Countries and industries that the boards offer (Creative Center's lists, read 2026-11-21)."""

from __future__ import annotations

from scraper.sandbox.records.words import words

COUNTRIES = {
    "AE": "United Arab Emirates",
    "AR": "Argentina",
    "AU": "Australia",
    "BR": "Brazil",
    "CA": "Canada",
    "CO": "Colombia",
    "DE": "Germany",
    "EG": "Egypt",
    "ES": "Spain",
    "FR": "France",
    "GB": "United Kingdom",
    "ID": "Indonesia",
    "IL": "Israel",
    "IT": "Italy",
    "JP": "Japan",
    "KR": "South Korea",
    "MX": "Mexico",
    "MY": "Malaysia",
    "PH": "Philippines",
    "PL": "Poland",
    "RU": "Russia",
    "SA": "Saudi Arabia",
    "SE": "Sweden",
    "SG": "Singapore",
    "TH": "Thailand",
    "TR": "Turkey",
    "TW": "Taiwan",
    "US": "United States",
    "VN": "Vietnam",
    "ZA": "South Africa",
}

HASHTAG_COUNTRIES = words("US FR DE IT ES GB AR AU BR CA CO EG ID IL JP KR MY MX PH SA SG ZA TW TH TR AE VN")
CREATOR_COUNTRIES = words("AU BR CA EG FR DE ID IL IT JP MY PH RU SA SG KR ES TW TH TR AE GB US VN")
VIDEO_COUNTRIES = words("AU BR CA EG FR DE ID IT JP MY MX PH PL RU SA SG KR ES SE TH TR AE GB US VN")
"""A country outside its board's list has an empty board. GB, never UK; written in capitals."""

SCRIPTS = {
    "JP": "japanese",
    "KR": "korean",
    "TW": "chinese",
    "TH": "thai",
    "SA": "arabic",
    "EG": "arabic",
    "AE": "arabic",
    "IL": "hebrew",
    "RU": "cyrillic",
    "VN": "vietnamese",
    "ES": "spanish",
    "MX": "spanish",
    "AR": "spanish",
    "CO": "spanish",
    "BR": "portuguese",
}
"""The vocabulary of a country; English for all others."""

INDUSTRIES = {
    10_000_000_000: "Education",
    11_000_000_000: "Vehicle & Transportation",
    12_000_000_000: "Baby, Kids & Maternity",
    14_000_000_000: "Beauty & Personal Care",
    15_000_000_000: "Tech & Electronics",
    17_000_000_000: "Travel",
    18_000_000_000: "Household Products",
    19_000_000_000: "Pets",
    21_000_000_000: "Home Improvement",
    22_000_000_000: "Apparel & Accessories",
    23_000_000_000: "News & Entertainment",
    25_000_000_000: "Games",
    27_000_000_000: "Food & Beverage",
    28_000_000_000: "Sports & Outdoor",
    29_000_000_000: "Health",
}
"""The first-level industries that the hashtag board offers; another one has an empty board."""
