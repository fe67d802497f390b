"""What the enhancer knows: themes with their phrases, and the words by which it recognises what a prompt has.

Every phrase stands in English and in Ukrainian. A keyword with a star matches every word that begins with it
(Ukrainian inflects); without one, the word itself and its plural in -s.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Phrase:
    """One thing to add, in both languages."""

    en: str
    uk: str


def _phrases(table: str) -> tuple[Phrase, ...]:
    return tuple(Phrase(*line.strip().split("|")) for line in table.strip().splitlines())


MEDIUM, STYLE, LIGHT, COMPOSITION, DETAIL, FINISH = (
    "medium",
    "style",
    "light",
    "composition",
    "detail",
    "finish",
)
ORDER: Final = (DETAIL, MEDIUM, STYLE, LIGHT, COMPOSITION, FINISH)
"""What is added, in this order: what belongs to the subject first, quality last."""

THEMES: Final[dict[str, dict[str, tuple[Phrase, ...]]]] = {
    "photo": {
        MEDIUM: _phrases("""
            professional photograph|професійна фотографія
            editorial photograph|журнальна фотографія
            35mm film photograph|плівкова фотографія 35 мм
            documentary photograph|документальна фотографія"""),
        STYLE: _phrases("""
            natural colours|природні кольори
            subtle film grain|легке плівкове зерно
            muted colour palette|приглушена палітра
            rich contrast|виразний контраст"""),
        LIGHT: _phrases("""
            soft window light|м'яке світло з вікна
            golden hour light|світло золотої години
            overcast diffused light|розсіяне світло похмурого дня
            rim lighting|контрове освітлення"""),
        COMPOSITION: _phrases("""
            shallow depth of field|мала глибина різкості
            rule of thirds|правило третин
            85mm lens|об'єктив 85 мм
            wide-angle view|ширококутний план"""),
        FINISH: _phrases("""
            sharp focus, highly detailed|чіткий фокус, висока деталізація
            fine texture, high dynamic range|тонка фактура, широкий динамічний діапазон"""),
    },
    "painting": {
        MEDIUM: _phrases("""
            oil painting on canvas|олійний живопис на полотні
            loose watercolour painting|вільна акварель
            gouache painting|живопис гуашшю
            impasto painting|живопис у техніці імпасто"""),
        STYLE: _phrases("""
            impressionist brushwork|імпресіоністичні мазки
            harmonious limited palette|гармонійна обмежена палітра
            romantic realism|романтичний реалізм
            visible brush strokes|помітні мазки пензля"""),
        LIGHT: _phrases("""
            warm evening light|тепле вечірнє світло
            dramatic chiaroscuro|драматична світлотінь
            soft morning light|м'яке ранкове світло
            glowing light|сяйливе світло"""),
        COMPOSITION: _phrases("""
            balanced composition|врівноважена композиція
            strong focal point|виразний центр композиції
            atmospheric perspective|повітряна перспектива"""),
        FINISH: _phrases("""
            museum quality, rich texture|музейна якість, багата фактура
            masterful, richly detailed|майстерна робота, багата деталями"""),
    },
    "illustration": {
        MEDIUM: _phrases("""
            digital illustration|цифрова ілюстрація
            children's book illustration|ілюстрація до дитячої книжки
            ink and colour illustration|ілюстрація тушшю з кольором
            flat vector illustration|плоска векторна ілюстрація"""),
        STYLE: _phrases("""
            clean line work|чисті лінії
            bold shapes|виразні форми
            vivid harmonious colours|яскраві гармонійні кольори
            storybook style|казковий стиль"""),
        LIGHT: _phrases("""
            soft ambient light|м'яке розсіяне світло
            gentle gradient light|ніжне градієнтне світло
            warm glow|тепле сяйво"""),
        COMPOSITION: _phrases("""
            centred composition|композиція по центру
            plenty of negative space|багато вільного простору
            simple uncluttered background|просте незахаращене тло"""),
        FINISH: _phrases("""
            crisp edges, highly detailed|чіткі контури, висока деталізація
            polished, print quality|довершена, друкарська якість"""),
    },
    "render": {
        MEDIUM: _phrases("""
            3D render|тривимірний рендер
            physically based 3D render|фізично достовірний 3D-рендер
            clay-style 3D render|3D-рендер у стилі пластиліну"""),
        STYLE: _phrases("""
            smooth materials|гладкі матеріали
            soft rounded shapes|м'які округлі форми
            realistic materials|реалістичні матеріали"""),
        LIGHT: _phrases("""
            three-point studio lighting|триточкове студійне світло
            soft global illumination|м'яке глобальне освітлення
            large softbox lighting|світло великого софтбокса"""),
        COMPOSITION: _phrases("""
            isometric view|ізометричний ракурс
            centred on a plain backdrop|по центру на простому тлі
            three-quarter view|ракурс у три чверті"""),
        FINISH: _phrases("""
            intricate detail, clean render|тонкі деталі, чистий рендер
            subsurface scattering, fine detail|підповерхневе розсіювання, тонкі деталі"""),
    },
    "anime": {
        MEDIUM: _phrases("""
            anime illustration|аніме-ілюстрація
            hand-drawn anime still|мальований кадр аніме
            manga cover art|обкладинка манґи"""),
        STYLE: _phrases("""
            cel shading|сел-шейдинг
            expressive line art|виразний контур
            painterly background|живописне тло"""),
        LIGHT: _phrases("""
            bright summer light|яскраве літнє світло
            glowing evening sky|сяйливе вечірнє небо
            soft bloom|м'яке світіння"""),
        COMPOSITION: _phrases("""
            dynamic angle|динамічний ракурс
            medium shot|середній план
            wide establishing shot|загальний план"""),
        FINISH: _phrases("""
            clean colours, detailed|чисті кольори, багато деталей
            finely detailed, crisp|тонко опрацьовано, чітко"""),
    },
    "cinematic": {
        MEDIUM: _phrases("""
            cinematic film still|кінематографічний кадр
            concept art|концепт-арт
            matte painting|мет-пейнтинг"""),
        STYLE: _phrases("""
            teal and orange colour grading|бірюзово-помаранчева кольорокорекція
            moody atmosphere|настроєва атмосфера
            epic atmosphere|епічна атмосфера"""),
        LIGHT: _phrases("""
            volumetric light|об'ємне світло
            dramatic backlight|драматичне контрове світло
            neon light in the haze|неонове світло в серпанку"""),
        COMPOSITION: _phrases("""
            anamorphic wide shot|анаморфотний загальний план
            low angle|низький ракурс
            leading lines|напрямні лінії"""),
        FINISH: _phrases("""
            intricate detail, sharp focus|тонкі деталі, чіткий фокус
            highly detailed, film quality|висока деталізація, кіноякість"""),
    },
}

SUBJECT_DETAILS: Final[dict[str, tuple[Phrase, ...]]] = {
    "person": _phrases("""
        expressive face|виразне обличчя
        natural pose|природна поза
        detailed eyes|деталізовані очі"""),
    "animal": _phrases("""
        detailed fur and eyes|деталізоване хутро та очі
        lively pose|жвава поза
        curious look|допитливий погляд"""),
    "landscape": _phrases("""
        layered distance|багатопланова далина
        drifting clouds|пливуть хмари
        light mist|легкий туман"""),
    "architecture": _phrases("""
        detailed facade|деталізований фасад
        weathered materials|матеріали зі слідами часу
        small figures for scale|маленькі постаті для масштабу"""),
    "food": _phrases("""
        appetising texture|апетитна фактура
        fresh ingredients|свіжі інгредієнти
        rustic table setting|затишна сервіровка"""),
    "vehicle": _phrases("""
        gleaming reflections|блискучі відблиски
        sense of motion|відчуття руху
        precise details|точні деталі"""),
    "object": _phrases("""
        carefully rendered material|ретельно передана фактура
        clear silhouette|чіткий силует
        fine details|дрібні деталі"""),
}

SUITED: Final[dict[str, tuple[str, ...]]] = {
    "person": ("photo", "painting", "cinematic", "anime", "illustration"),
    "animal": ("photo", "illustration", "painting", "render"),
    "landscape": ("photo", "painting", "cinematic", "anime"),
    "architecture": ("photo", "cinematic", "painting", "illustration"),
    "food": ("photo", "illustration", "render"),
    "vehicle": ("photo", "render", "cinematic", "illustration"),
    "object": ("illustration", "render", "photo"),
}
"""Themes that fit a subject, when the prompt does not name one itself."""
