"""What the demo model can draw: the subjects, the background colours and their names.

Every Ukrainian name was checked by hand; the gender decides the form of "small"
("маленький кіт", "маленька груша", "маленьке яблуко", "маленькі вишні").
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Subject:
    """One emoji with its names; the first name of each language is the main one."""

    emoji: str
    en: tuple[str, ...]
    uk: tuple[str, ...]
    gender: str  # of the first Ukrainian name: m, f, n or p (plural)


@dataclass(frozen=True)
class Colour:
    """One background colour; `uk` is the locative form used in "на … тлі"."""

    rgb: tuple[int, int, int]
    en: tuple[str, ...]
    uk: tuple[str, ...]


# emoji | English names | Ukrainian names | gender
_TABLE = """
🍎|red apple,apple|червоне яблуко,яблуко|n
🍏|green apple|зелене яблуко|n
🍊|tangerine,mandarin|мандарин|m
🍋|lemon|лимон|m
🍌|banana|банан|m
🍉|watermelon|кавун|m
🍇|grapes,bunch of grapes|виноград|m
🍓|strawberry|полуниця|f
🍒|cherries,cherry|вишні|p
🍐|pear|груша|f
🍍|pineapple|ананас|m
🍅|tomato|помідор,томат|m
🍆|eggplant,aubergine|баклажан|m
🥑|avocado|авокадо|n
🥕|carrot|морква|f
🍄|mushroom|гриб,мухомор|m
🍔|hamburger,burger|гамбургер,бургер|m
🍕|pizza,slice of pizza|піца,шматок піци|f
🍩|doughnut,donut|пончик|m
🍦|ice cream|морозиво|n
🎂|birthday cake,cake|торт,святковий торт|m
🐱|cat,cat face|кіт,кішка|m
🐶|dog,dog face,puppy|собака,пес|m
🐭|mouse|миша|f
🐰|rabbit,bunny|кролик,заєць|m
🦊|fox|лисиця,лис|f
🐻|bear|ведмідь|m
🐼|panda|панда|f
🐨|koala|коала|f
🐯|tiger|тигр|m
🦁|lion|лев|m
🐮|cow|корова|f
🐷|pig|свиня,порося|f
🐸|frog|жаба,жабка|f
🐵|monkey|мавпа,мавпочка|f
🐧|penguin|пінгвін|m
🦉|owl|сова|f
🦄|unicorn|єдиноріг|m
🦋|butterfly|метелик|m
🐞|ladybug,ladybird|божа корівка|f
🐟|fish|риба,рибка|f
🐥|chick,baby chick|курча|n
🚗|car,red car|автомобіль,машина|m
🚕|taxi|таксі|n
🚌|bus|автобус|m
🚓|police car|поліцейська машина|f
🚀|rocket|ракета|f
⛵|sailboat,boat|вітрильник,човен|m
🎈|balloon,red balloon|повітряна кулька,кулька|f
🏠|house|будинок,хата|m
⛺|tent|намет|m
🌳|tree|дерево|n
🌲|pine tree,evergreen tree|ялинка,сосна|f
🌵|cactus|кактус|m
🌻|sunflower|соняшник|m
🌷|tulip|тюльпан|m
🌹|rose|троянда|f
🌸|flower,pink flower,cherry blossom|квітка,рожева квітка|f
🍁|maple leaf|кленовий листок|m
🍀|clover,four leaf clover|конюшина|f
🌙|moon,crescent moon|місяць|m
☀️|sun|сонце|n
⭐|star,yellow star|зірка,жовта зірка|f
🌈|rainbow|веселка,райдуга|f
☁️|cloud|хмара,хмаринка|f
❄️|snowflake|сніжинка|f
🔥|fire,flame|вогонь,полум'я|m
💧|droplet,drop of water|крапля,краплина|f
🌍|earth,globe,planet earth|земля,планета|f
⛄|snowman|сніговик|m
❤️|red heart,heart|червоне серце,серце|n
💙|blue heart|синє серце|n
💚|green heart|зелене серце|n
💛|yellow heart|жовте серце|n
💜|purple heart|фіолетове серце|n
☂️|umbrella|парасоля,парасолька|f
⚽|soccer ball,football,ball|футбольний м'яч,м'яч|m
🏀|basketball|баскетбольний м'яч|m
👑|crown|корона|f
💀|skull|череп|m
🎃|pumpkin,halloween pumpkin|гарбуз|m
👻|ghost|привид|m
👽|alien|прибулець|m
🤖|robot|робот|m
🎁|gift,present|подарунок|m
🔔|bell|дзвін,дзвіночок|m
🎩|top hat,hat|циліндр,капелюх|m
💎|diamond,gem|діамант|m
🏆|trophy,cup|кубок|m
📕|book,red book|книга,червона книга|f
💡|light bulb,lamp|лампочка,лампа|f
🧸|teddy bear|плюшевий ведмедик|m
🎯|target,dartboard|мішень|f
😀|smiley,smiling face|смайлик|m
"""

SUBJECTS: tuple[Subject, ...] = tuple(
    Subject(emoji, tuple(en.split(",")), tuple(uk.split(",")), gender)
    for emoji, en, uk, gender in (line.split("|") for line in _TABLE.split("\n") if line)
)

COLOURS: tuple[Colour, ...] = (
    Colour((214, 40, 40), ("red",), ("червоному",)),
    Colour((243, 129, 33), ("orange",), ("помаранчевому", "оранжевому")),
    Colour((252, 220, 58), ("yellow",), ("жовтому",)),
    Colour((44, 160, 68), ("green",), ("зеленому",)),
    Colour((36, 78, 208), ("blue",), ("синьому",)),
    Colour((64, 204, 228), ("cyan", "light blue"), ("блакитному",)),
    Colour((128, 58, 176), ("purple", "violet"), ("фіолетовому",)),
    Colour((250, 148, 192), ("pink",), ("рожевому",)),
    Colour((124, 76, 46), ("brown",), ("коричневому",)),
    Colour((250, 250, 250), ("white",), ("білому",)),
    Colour((14, 14, 16), ("black",), ("чорному",)),
    Colour((132, 132, 136), ("gray", "grey"), ("сірому",)),
)

# Never drawn by the model: the evaluation counts a picture that looks like one as wrong.
DISTRACTORS: tuple[str, ...] = tuple("🥚🌽🐙🐳🐘🚂🏰🐝🧁⏰🌴🚜🐔🍪🎄🍑🐢🚲🎸🧲")


def held_out(subject: int, colour: int) -> bool:
    """Pairs never shown in training (one in twelve), kept to measure generalisation."""
    return (subject * 5 + colour * 7) % 12 == 3
