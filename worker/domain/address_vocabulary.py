"""What people call countries and states, and how postal codes look: what :mod:`worker.domain.address_words` reads.

States are here of the countries in which clocks, or rules of calling, differ between them. Names are compared by
letters and digits alone. Sources: ISO 3166-2; the postal services' own descriptions of their codes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

COUNTRIES: Mapping[str, tuple[str, ...]] = {
    "US": ("USA", "U.S.A.", "United States", "United States of America", "America", "Vereinigte Staaten",
           "Vereinigte Staaten von Amerika", "États-Unis", "Estados Unidos", "EE. UU.", "EUA",
           "Estados Unidos de América", "Estados Unidos da América"),
    "GB": ("UK", "U.K.", "GBR", "Great Britain", "United Kingdom", "England", "Scotland", "Wales", "Northern Ireland",
           "Großbritannien", "Vereinigtes Königreich", "Royaume-Uni", "Reino Unido", "Grande-Bretagne", "Gran Bretaña"),
    "DE": ("DEU", "GER", "Germany", "Deutschland", "Allemagne", "Alemania", "Alemanha", "Germania"),
    "FR": ("FRA", "France", "Frankreich", "Francia", "França"),
    "ES": ("ESP", "Spain", "Spanien", "Espagne", "España", "Espanha", "Spagna"),
    "PT": ("PRT", "Portugal", "Portogallo"),
    "IT": ("ITA", "Italy", "Italien", "Italie", "Italia", "Itália"),
    "AT": ("AUT", "Austria", "Österreich", "Oesterreich", "Autriche", "Áustria"),
    "CH": ("CHE", "Switzerland", "Schweiz", "Suisse", "Suiza", "Suíça", "Svizzera"),
    "NL": ("NLD", "Netherlands", "The Netherlands", "Holland", "Niederlande", "Pays-Bas", "Países Bajos",
           "Países Baixos", "Nederland"),
    "BE": ("BEL", "Belgium", "Belgien", "Belgique", "Bélgica", "België"),
    "LU": ("LUX", "Luxembourg", "Luxemburg", "Luxemburgo"),
    "IE": ("IRL", "Ireland", "Irland", "Irlande", "Irlanda", "Republic of Ireland"),
    "DK": ("DNK", "Denmark", "Dänemark", "Danemark", "Dinamarca", "Danmark"),
    "SE": ("SWE", "Sweden", "Schweden", "Suède", "Suecia", "Suécia", "Sverige"),
    "NO": ("NOR", "Norway", "Norwegen", "Norvège", "Noruega", "Norge"),
    "FI": ("FIN", "Finland", "Finnland", "Finlande", "Finlandia", "Finlândia", "Suomi"),
    "PL": ("POL", "Poland", "Polen", "Pologne", "Polonia", "Polónia", "Polônia", "Polska"),
    "CZ": ("CZE", "Czechia", "Czech Republic", "Tschechien", "Tchéquie", "Chequia", "Česko"),
    "GR": ("GRC", "Greece", "Griechenland", "Grèce", "Grecia", "Grécia"),
    "TR": ("TUR", "Turkey", "Türkiye", "Türkei", "Turquie", "Turquía", "Turquia"),
    "RU": ("RUS", "Russia", "Russland", "Russie", "Rusia", "Rússia", "Russian Federation"),
    "UA": ("UKR", "Ukraine", "Ucrania", "Ucrânia"),
    "CA": ("CAN", "Canada", "Kanada", "Canadá"),
    "MX": ("MEX", "Mexico", "Mexiko", "Mexique", "México"),
    "BR": ("BRA", "Brazil", "Brasilien", "Brésil", "Brasil"),
    "AR": ("ARG", "Argentina", "Argentinien", "Argentine"),
    "CL": ("CHL", "Chile", "Chili"),
    "CO": ("COL", "Colombia", "Kolumbien", "Colombie", "Colômbia"),
    "PE": ("PER", "Peru", "Pérou", "Perú"),
    "PR": ("PRI", "Puerto Rico", "Porto Rico"),
    "AU": ("AUS", "Australia", "Australien", "Australie", "Austrália"),
    "NZ": ("NZL", "New Zealand", "Neuseeland", "Nouvelle-Zélande", "Nueva Zelanda", "Nova Zelândia"),
    "IN": ("IND", "India", "Indien", "Inde", "Índia"),
    "CN": ("CHN", "China", "Chine", "PRC"),
    "JP": ("JPN", "Japan", "Japon", "Japón", "Japão"),
    "KR": ("KOR", "South Korea", "Korea", "Südkorea", "Corée du Sud", "Corea del Sur", "Coreia do Sul"),
    "SG": ("SGP", "Singapore", "Singapur", "Singapour", "Singapura"),
    "PH": ("PHL", "Philippines", "Philippinen", "Filipinas"),
    "ID": ("IDN", "Indonesia", "Indonesien", "Indonésie", "Indonésia"),
    "ZA": ("ZAF", "South Africa", "Südafrika", "Afrique du Sud", "Sudáfrica", "África do Sul"),
    "AE": ("ARE", "UAE", "U.A.E.", "United Arab Emirates"),
    "IL": ("ISR", "Israel"),
}  # fmt: skip
"""What a country is called beside its name in English (pytz) and its code."""

STATES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "US": {
        "AL": ("Alabama",), "AK": ("Alaska",), "AZ": ("Arizona",), "AR": ("Arkansas",), "CA": ("California", "Calif."),
        "CO": ("Colorado",), "CT": ("Connecticut",), "DE": ("Delaware",),
        "DC": ("District of Columbia", "Washington DC", "Washington D.C."), "FL": ("Florida", "Fla."),
        "GA": ("Georgia",), "HI": ("Hawaii",), "ID": ("Idaho",), "IL": ("Illinois",), "IN": ("Indiana",),
        "IA": ("Iowa",), "KS": ("Kansas",), "KY": ("Kentucky",), "LA": ("Louisiana",), "ME": ("Maine",),
        "MD": ("Maryland",), "MA": ("Massachusetts", "Mass."), "MI": ("Michigan",), "MN": ("Minnesota",),
        "MS": ("Mississippi",), "MO": ("Missouri",), "MT": ("Montana",), "NE": ("Nebraska",), "NV": ("Nevada",),
        "NH": ("New Hampshire",), "NJ": ("New Jersey",), "NM": ("New Mexico",), "NY": ("New York", "New York State"),
        "NC": ("North Carolina",), "ND": ("North Dakota",), "OH": ("Ohio",), "OK": ("Oklahoma",), "OR": ("Oregon",),
        "PA": ("Pennsylvania", "Penna."), "RI": ("Rhode Island",), "SC": ("South Carolina",), "SD": ("South Dakota",),
        "TN": ("Tennessee", "Tenn."), "TX": ("Texas", "Tex."), "UT": ("Utah",), "VT": ("Vermont",),
        "VA": ("Virginia",), "WA": ("Washington", "Washington State"), "WV": ("West Virginia",), "WI": ("Wisconsin",),
        "WY": ("Wyoming",), "PR": ("Puerto Rico",), "GU": ("Guam",), "VI": ("Virgin Islands", "US Virgin Islands"),
        "AS": ("American Samoa",), "MP": ("Northern Mariana Islands",),
    },
    "CA": {
        "AB": ("Alberta",), "BC": ("British Columbia", "Colombie-Britannique"), "MB": ("Manitoba",),
        "NB": ("New Brunswick", "Nouveau-Brunswick"),
        "NL": ("Newfoundland and Labrador", "Newfoundland", "Labrador", "Terre-Neuve-et-Labrador"),
        "NS": ("Nova Scotia", "Nouvelle-Écosse"), "NT": ("Northwest Territories",), "NU": ("Nunavut",),
        "ON": ("Ontario",), "PE": ("Prince Edward Island", "PEI", "Île-du-Prince-Édouard"),
        "QC": ("Quebec", "Québec", "PQ"), "SK": ("Saskatchewan",), "YT": ("Yukon", "Yukon Territory", "YK"),
    },
    "AU": {
        "ACT": ("Australian Capital Territory",), "NSW": ("New South Wales",), "NT": ("Northern Territory",),
        "QLD": ("Queensland",), "SA": ("South Australia",), "TAS": ("Tasmania",), "VIC": ("Victoria",),
        "WA": ("Western Australia",),
    },
    "BR": {
        "AC": ("Acre",), "AL": ("Alagoas",), "AP": ("Amapá",), "AM": ("Amazonas",), "BA": ("Bahia",), "CE": ("Ceará",),
        "DF": ("Distrito Federal",), "ES": ("Espírito Santo",), "GO": ("Goiás",), "MA": ("Maranhão",),
        "MT": ("Mato Grosso",), "MS": ("Mato Grosso do Sul",), "MG": ("Minas Gerais",), "PA": ("Pará",),
        "PB": ("Paraíba",), "PR": ("Paraná",), "PE": ("Pernambuco",), "PI": ("Piauí",), "RJ": ("Rio de Janeiro",),
        "RN": ("Rio Grande do Norte",), "RS": ("Rio Grande do Sul",), "RO": ("Rondônia",), "RR": ("Roraima",),
        "SC": ("Santa Catarina",), "SP": ("São Paulo",), "SE": ("Sergipe",), "TO": ("Tocantins",),
    },
}  # fmt: skip
"""The states of a country by their codes, each with the names it goes by."""


class PostalForm(NamedTuple):
    """How the postal codes of a country look, in an expression and in words. ``is_telling`` where one that looks so is
    of no other country that is here."""

    pattern: re.Pattern[str]
    words: str
    is_telling: bool = False


POSTAL_CODES: Mapping[str, PostalForm] = {
    "US": PostalForm(re.compile(r"[0-9]{5}(?:[ -]?[0-9]{4})?"), "five digits, such as 46307"),
    "CA": PostalForm(re.compile(r"[ABCEGHJ-NPRSTVXY][0-9][A-Z] ?[0-9][A-Z][0-9]"), "the form K1A 0B1", is_telling=True),
    "GB": PostalForm(re.compile(r"[A-Z]{1,2}[0-9][A-Z0-9]? ?[0-9][A-Z]{2}"), "the form SW1A 1AA", is_telling=True),
    "IE": PostalForm(re.compile(r"[AC-FHKNPRTV-Y][0-9][0-9W] ?[0-9AC-FHKNPRTV-Y]{4}"), "the form D02 AF30"),
    "NL": PostalForm(re.compile(r"[1-9][0-9]{3} ?[A-Z]{2}"), "the form 1012 AB", is_telling=True),
    "PL": PostalForm(re.compile(r"[0-9]{2}-[0-9]{3}"), "the form 00-950", is_telling=True),
    "BR": PostalForm(re.compile(r"[0-9]{5}-?[0-9]{3}"), "eight digits, such as 01310-100", is_telling=True),
    "PT": PostalForm(re.compile(r"[0-9]{4}(?:[ -][0-9]{3})?"), "four digits and three more, such as 1000-001"),
    "DE": PostalForm(re.compile(r"(?:D-?)?[0-9]{5}"), "five digits, such as 10115"),
    "FR": PostalForm(re.compile(r"(?:F-?)?[0-9]{5}"), "five digits, such as 75001"),
    "ES": PostalForm(re.compile(r"[0-9]{5}"), "five digits, such as 28001"),
    "IT": PostalForm(re.compile(r"[0-9]{5}"), "five digits, such as 00118"),
    "MX": PostalForm(re.compile(r"[0-9]{5}"), "five digits, such as 06000"),
    "AU": PostalForm(re.compile(r"[0-9]{4}"), "four digits, such as 2000"),
    "AT": PostalForm(re.compile(r"(?:A-?)?[1-9][0-9]{3}"), "four digits, such as 1010"),
    "CH": PostalForm(re.compile(r"(?:CH-?)?[1-9][0-9]{3}"), "four digits, such as 8001"),
    "BE": PostalForm(re.compile(r"(?:B-?)?[1-9][0-9]{3}"), "four digits, such as 1000"),
    "DK": PostalForm(re.compile(r"[0-9]{4}"), "four digits, such as 1050"),
    "NO": PostalForm(re.compile(r"[0-9]{4}"), "four digits, such as 0150"),
    "SE": PostalForm(re.compile(r"[0-9]{3} ?[0-9]{2}"), "five digits, such as 111 22"),
}
"""Where the codes of a country are not here, any is taken."""
