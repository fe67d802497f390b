"""The words by which a prompt tells its subject, its medium and what it already has."""

from typing import Final

from generation.engine.enhancer.vocabulary import COMPOSITION, FINISH, LIGHT, STYLE

SUBJECTS: Final[dict[str, str]] = {
    "person": (
        "man woman girl boy person people portrait child king queen wizard witch warrior knight astronaut "
        "dancer princess soldier face lady self-portrait men women children чоловік* жінк* дівч* хлоп* "
        "людин* людей люди портрет* дитин* діти король короля королев* чаклун* відьм* воїн* лицар* "
        "космонавт* астронавт* танцівниц* принцес* козак* обличч* бабус* дідус*"
    ),
    "animal": (
        "cat dog fox wolf horse bird owl tiger lion bear rabbit dragon fish butterfly elephant penguin "
        "panda monkey deer kitten puppy unicorn frog mouse turtle whale eagle koala cow pig wolves mice "
        "deer кіт кота коти котик* кішк* кошен* собак* пес пса песик* лис лиса лисиц* лисен* вовк* кінь "
        "коня коні птах* пташк* сова сови сову тигр* лев лева ведм* кролик* заєць зайц* дракон* риб* "
        "метелик* слон* пінгвін* панд* мавп* олен* єдиноріг* єдинорог* жаб* миш* черепах* кит кита орел "
        "орла корова корову свин*"
    ),
    "landscape": (
        "landscape mountain forest lake sea ocean river desert valley field meadow beach waterfall island "
        "sky garden hill canyon jungle volcano shore coast пейзаж* краєвид* гора гори горах горами гір "
        "карпат* ліс лісі лісу ліси лісом озер* море моря морі морем океан* річк* ріка пустел* долин* поле "
        "поля полі луг луки пляж* водоспад* острів острова небо небі сад саду садок пагорб* каньйон* "
        "джунгл* вулкан* берег*"
    ),
    "architecture": (
        "city street house castle cathedral tower bridge church village temple building skyscraper palace "
        "town ruin lighthouse library room kitchen interior cities місто міста місті вулиц* будин* хата "
        "хати замок замку замки собор* вежа вежі вежу міст мосту церкв* село села селі храм* хмарочос* "
        "палац* руїн* маяк* бібліотек* кімнат* кухн* інтер'єр* дім дому"
    ),
    "food": (
        "food cake pizza burger bread apple fruit soup coffee dessert sushi salad breakfast cheese "
        "ice-cream lemon strawberry banana tea pancake pie strawberries їжа їжі торт* піц* бургер* хліб* "
        "яблук* фрукт* суп борщ* кава каву десерт* суші салат* сніданок* сир морозив* лимон* полуниц* "
        "банан* чай вареник* млинц* пиріг* пирог*"
    ),
    "vehicle": (
        "car ship train rocket spaceship motorcycle bicycle plane boat truck bus submarine starship airship "
        "taxi автомобіл* машин* корабел* корабл* потяг* поїзд* ракет* мотоцикл* велосипед* літак* човен* "
        "човн* вантажівк* автобус* дирижабл* вітрильник* таксі"
    ),
}

THEMES: Final[dict[str, str]] = {
    "photo": (
        "photo photograph photography photorealistic photographic dslr polaroid macro bokeh фото фотографі* "
        "світлин* фотореаліст* макро боке"
    ),
    "painting": (
        "painting oil watercolor watercolour gouache impressionist impressionism acrylic fresco canvas "
        "живопис* картина картину олі* акварел* гуаш* імпресіон* полотн* фреск*"
    ),
    "illustration": (
        "illustration drawing sketch vector icon logo cartoon comic doodle pencil ink emoji sticker poster "
        "lineart ілюстраці* малюнок малюнк* ескіз* вектор* іконк* логотип* мультик* комікс* олівц* олівець "
        "туш* емодзі наліпк* плакат*"
    ),
    "render": "render 3d blender octane lowpoly low-poly voxel isometric clay рендер* ізометр* пластилін*",
    "anime": "anime manga chibi cel-shaded waifu аніме манг* манґ*",
    "cinematic": "cinematic film movie still concept-art matte-painting кінематограф* кінокадр* концепт-арт*",
}

PRESENT: Final[dict[str, str]] = {
    STYLE: (
        "style palette colours colors colorful colourful grading grain minimalist baroque cyberpunk "
        "steampunk surreal стиль стилі стилю палітр* кольор* барок* кіберпанк* стимпанк* сюрреал* мінімал*"
    ),
    LIGHT: (
        "light lighting lit sunlight backlit glow glowing neon sunset sunrise dusk dawn moonlight shadow "
        "night noon candlelight світл* освітл* сяйв* неон* захід* світанк* світанок* сутінк* місячн* тіні "
        "тінь ніч* вночі вечір* ранок ранк*"
    ),
    COMPOSITION: (
        "close-up closeup composition angle view shot lens wide-angle fisheye bokeh panorama overhead "
        "background foreground framing аерозйомк* композиці* ракурс* план плані об'єктив* панорам* тло тлі "
        "фон фоні крупн*"
    ),
    FINISH: (
        "detailed detail quality masterpiece 4k 8k hdr sharp crisp intricate деталізован* деталі деталей "
        "якіст* якості шедевр* чітк*"
    ),
}
