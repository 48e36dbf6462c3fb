"""Groups of classes for the paper's maps of photos: coarse kinds of ImageNet's classes, and SUN-397's indoor scenes."""

# SPDX-License-Identifier: BSD-3-Clause
from functools import cache

from skdecaf.weights import resolve_network

# A class is of the first kind to which WordNet 3.0 leads from its synset by hypernyms. Letters count kinds from "a".
_KINDS = (
    "dog", "other mammal", "bird", "reptile or amphibian",
    "fish", "invertebrate", "food, plant or fungus", "clothing",
    "musical instrument", "vehicle", "building or structure", "furniture",
    "container", "tool, device or equipment", "landscape", "other thing",
)  # fmt: skip
_KIND_OF_EACH_CLASS = (
    "eeeeeeeccccccccccccccccccddddddddddddddddddddddddddddddddddddddddddddfffffffffffcccccccccccccccccccc"
    "cbbbbbbffffffffffffffffffffccccccccccccccccccccbbbbaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
    "ffffffffffffffffffffffffffffffbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbeeeeeeeeenh"
    "hiijjjkjjnkhmnmknjnpiknlkknmjnnlihpmjkmhmmppjhpnpkjhhlkpnhkhkpnmnhpkjmnnjnhnnnmnnmnkjninpkpnmlilhkkn"
    "kppmmmknnkjjniphlnhmlnnnpklnnhnnlpnnkjppninnnnijlmnphljjpnilhjknljinhjpnmjnjjihikkknnpjnmnnpniinnpkk"
    "nhnjnnnnhjhnjnhhnhmpnnpnkjnjjpppnnknmmhhpiihnnpmlknnhmphjjhmjjnknjmhkpjjknnjnnnppnkiinninhjnmnnnnhki"
    "pnnlnjknkmnpmnnpkjnmmpnnjmnkmknnnnjhlmmnnlnknnnnmnpjnnpnmjnnnnknnlnnnnpmnmphipnpjknnnhnpkpmjnhlnpmnk"
    "nnjjmnhnhmnnjnjnnjnpjkinhknnnjplkjhnnnpknhhnnnljnmppnplmnlpnklnkjkjjmhjjnkpimknpjinmppnhkinnnmljmnmm"
    "mmnhpphmnnmpkjjknpnpppggggggggggggggggggggggggggggggggggggggggggggggggopooooooooopppgggggggggggggggp"
)
# Marked by hand after their names; all other classes are outdoors.
_INDOOR = {
    "airplane_cabin", "airport_terminal", "amusement_arcade", "anechoic_chamber", "apse/indoor", "aquarium",
    "archive", "art_gallery", "art_school", "art_studio", "assembly_line", "atrium/public", "attic", "auditorium",
    "auto_factory", "badminton_court/indoor", "baggage_claim", "bakery/shop", "balcony/interior", "ball_pit",
    "ballroom", "banquet_hall", "bar", "basement", "basilica", "bathroom", "bazaar/indoor", "beauty_salon", "bedroom",
    "berth", "biology_laboratory", "bistro/indoor", "bookstore", "booth/indoor", "bow_window/indoor", "bowling_alley",
    "boxing_ring", "brewery/indoor", "burial_chamber", "bus_interior", "butchers_shop", "cafeteria", "candy_store",
    "car_interior/backseat", "car_interior/frontseat", "casino/indoor", "catacomb", "cathedral/indoor",
    "cavern/indoor", "cheese_factory", "chemistry_lab", "chicken_coop/indoor", "childs_room", "church/indoor",
    "classroom", "clean_room", "cloister/indoor", "closet", "clothing_store", "cockpit", "coffee_shop",
    "computer_room", "conference_center", "conference_room", "control_room", "corridor", "courtroom",
    "cubicle/office", "delicatessen", "dentists_office", "diner/indoor", "dinette/home", "dinette/vehicle",
    "dining_car", "dining_room", "discotheque", "dorm_room", "drugstore", "elevator/door", "elevator/interior",
    "elevator_shaft", "engine_room", "escalator/indoor", "factory/indoor", "fastfood_restaurant",
    "firing_range/indoor", "florist_shop/indoor", "food_court", "galley", "game_room", "garage/indoor",
    "general_store/indoor", "gift_shop", "greenhouse/indoor", "gymnasium/indoor", "hangar/indoor", "home_office",
    "hospital_room", "hotel_room", "ice_cream_parlor", "ice_skating_rink/indoor", "jacuzzi/indoor", "jail/indoor",
    "jail_cell", "jewelry_shop", "kennel/indoor", "kindergarden_classroom", "kitchen", "kitchenette", "laundromat",
    "lecture_room", "library/indoor", "limousine_interior", "living_room", "lobby", "locker_room", "market/indoor",
    "martial_arts_gym", "mosque/indoor", "movie_theater/indoor", "museum/indoor", "music_store", "music_studio",
    "nursery", "office", "operating_room", "pantry", "parking_garage/indoor", "parlor", "pharmacy",
    "physics_laboratory", "pilothouse/indoor", "playroom", "podium/indoor", "poolroom/establishment", "poolroom/home",
    "pub/indoor", "pulpit", "reception", "recreation_room", "restaurant", "restaurant_kitchen", "riding_arena",
    "sauna", "server_room", "shoe_shop", "shopping_mall/indoor", "shower", "squash_court", "stage/indoor",
    "staircase", "subway_interior", "subway_station/platform", "supermarket", "sushi_bar", "swimming_pool/indoor",
    "synagogue/indoor", "television_studio", "tennis_court/indoor", "theater/indoor_procenium",
    "theater/indoor_seats", "thriftshop", "throne_room", "toyshop", "utility_room", "van_interior",
    "veterinarians_office", "videostore", "volleyball_court/indoor", "waiting_room", "warehouse/indoor", "wet_bar",
    "wine_cellar/barrel_storage", "wine_cellar/bottle_storage", "wrestling_ring/indoor", "youth_hostel",
}  # fmt: skip


@cache
def _numbers():
    """The number of each synset, as the networks count them."""
    return {synset: i for i, (synset, _) in enumerate(resolve_network("mini").labels)}


def kind_of_class(name):
    """The coarse kind of a class of ImageNet, by its synset or, as text, its number in the order of the synsets."""
    numbers = _numbers()
    number = numbers.get(name, int(name) if name.isdecimal() else None)
    if number is None:
        return _KINDS[-1]
    return _KINDS[ord(_KIND_OF_EACH_CLASS[number]) - ord("a")]


def place_of_scene(name):
    """Whether a class of SUN-397 is "indoor" or "outdoor", by its name as in ``"abbey"`` or ``"church/indoor"``."""
    return "indoor" if name in _INDOOR else "outdoor"
