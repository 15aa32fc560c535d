"""Words of each language for what a menu offers, beside the words that the menu brings itself. A queue's file can add more."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct


class Lexicon(Struct, frozen=True):
    """Phrases as they are said. In text neither case nor accents count; a network that hears knows words as they are spelt."""

    fillers: tuple[str, ...]  # say nothing of the wish
    refusals: tuple[str, ...]  # always quiet
    wishes: Mapping[str, tuple[str, ...]]  # a kind or an action of the menu -> what it is called
    digits: tuple[str, ...]  # zero to nine
    keys: tuple[str, ...]  # what may stand beside a digit


def said(*lines: str) -> tuple[str, ...]:
    return tuple(phrase for line in lines for phrase in line.split("|"))


ENGLISH = Lexicon(
    # No "you", "have", "is" or "not" alone: "would you like some music" is our own prompt, "I have a question" is for the agent.
    fillers=said(
        "please|um|uh|er|erm|hmm|oh|okay|ok|well|so|yes|yeah|hey|hi|hello|thanks|thank you|now|just|then",
        "instead|today|sir|maam",
        "i|id|ill|me|we|us|to|for|of|on|at|with|a|an|the|some|any|it|that|this|thats|its|that is|it is|one|bit",
        "little|more|much",
        "maybe|perhaps|actually|really|rather|think|guess|dont mind|can|could|would|will|may|let|lets|want",
        "wanna|need|like|love",
        "prefer|feel like|get|hear|listen|play|put|give|start|try|choose|pick|take|switch|change|go|tell|read",
        "make|do|ask me",
        "can i have|could i have|may i have|can we have|could we have|let me have|lets have|ill have",
        "i would like to have",
        "can you|could you|would you please|will you|how about|what about|do you have|can i just have|option",
        "number|press",
        "would be nice|would be good|would be great|sounds good|is fine|will do",
    ),
    refusals=said(
        "no|stop|nope|no thanks|no thank you|no thank you im fine|no im fine|stop it|stop that|stop this",
        "stop playing|make it stop|shut up",
        "no more|no i dont want anything",
        "i dont want anything|stop the noise|stop making noise",
    ),
    wishes={
        "music": said("songs|a tune|tune|tunes|a track|track|musics"),
        "podcast": said("podcasts|pod cast|pod casts|stories|episodes"),
        "daily": said(
            "update|headlines|the latest|latest news|latest updates|whats new|whats the news|what is the news",
            "what are todays updates|what are the updates",
        ),
        "quiz": said("quizzes|trivia|questions|game"),
        "quiet": said(
            "mute|silent|hush|no sound|nothing at all|turn it off|switch it off|turn off the music|turn the music off"
        ),
        "next": said(
            "skip it|skip this|skip that|skip ahead|skip this one|next one|next please|another|another song",
            "something different",
        ),
        "louder": said(
            "loud|raise the volume|volume up|turn up|turn up the volume|turn the volume up|turn up the music",
            "turn the music up|turn that up|turn this up",
        ),
        "softer": said(
            "soft|lower|lower the volume|volume down|turn down|turn down the volume|turn the volume down",
            "turn down the music|turn that down|turn this down|turn the music down",
        ),
        "less_talk": said(
            "less talking|talk less|no announcements|fewer announcements|stop the announcements|stop the talking"
        ),
        "menu": said(
            "options|what are my choices|what are the choices|what are my options|what are the options",
            "say again|say that again|main menu",
        ),
        "repeat": said(
            "from the beginning|start again|restart|rewind|once more|that song again|this song again|that again"
        ),
        "back": said("previous one|previous song|the one before that|last song|the last one|the song before"),
        "leave": said(
            "leave the queue|leave the line|get out of the queue|take me out of the queue|out of the queue",
            "exit the queue|quit the queue|stop waiting",
        ),
        "callback": said(
            "call me|call me later|call me back later|ring me back|ring me|phone me back|phone me|call back please"
        ),
        "language": said("other language|in another language|a different language|different language|languages"),
    },
    digits=said("zero|one|two|three|four|five|six|seven|eight|nine"),
    keys=said("press|key|option|number|choice|please|um|uh"),
)
SPANISH = Lexicon(
    fillers=said(
        "por favor|eh|em|este|pues|bueno|vale|si|hola|gracias|ahora|puedo oir|puedo escuchar|puede poner",
        "me puede poner",
        "quiero|quiero oir|quiero escuchar|quisiera|quisiera oir|quisiera escuchar|me gustaria|me gustaria oir",
        "me gustaria escuchar|pon|ponme|ponga|pongame|poner|escuchar|oir|dame|deme|el|la|los|las|un|una",
        "unos|algo de|algo|mas|de|lo",
    ),
    refusals=said("no|para|pare|parar|alto|basta|no gracias|nada"),
    wishes={
        "music": said("música|canción|canciones|una canción"),
        "podcast": said("podcast|podcasts|historia|episodio|cuento"),
        "daily": said("noticias|novedades|actualidad|información del día"),
        "quiz": said("quiz|preguntas|juego|trivial|concurso"),
        "quiet": said("silencio|callado|tranquilo|sin sonido|sin música"),
        "next": said("siguiente|otra|otro|otra cosa|salta|saltar|cambia"),
        "louder": said("más alto|más fuerte|sube|sube el volumen|subir el volumen"),
        "softer": said("más bajo|más suave|baja|baja el volumen|bajar el volumen|menos volumen"),
        "less_talk": said("menos anuncios|sin anuncios|menos mensajes|no más anuncios"),
        "menu": said("menú|ayuda|opciones|repite|repetir|qué puedo decir"),
        "repeat": said("desde el principio|otra vez|de nuevo|empieza otra vez"),
        "back": said("atrás|anterior|la anterior|el anterior|vuelve atrás|volver"),
        "leave": said("salir|salir de la cola|dejar la cola|salir de la espera|dejar de esperar|dejar un mensaje"),
        "callback": said(
            "llámenme|llámeme|llámame|que me llamen|que me llame|devuélvanme la llamada|devolver la llamada",
            "llamada de vuelta|me llaman|pueden llamarme",
        ),
        "language": said("idioma|otro idioma|cambiar idioma|cambiar de idioma|cambia el idioma|en otro idioma"),
    },
    digits=said("cero|uno|dos|tres|cuatro|cinco|seis|siete|ocho|nueve"),
    keys=said("pulsa|marca|tecla|opcion|numero|por favor|la|el"),
)
CHINESE = Lexicon(
    fillers=said(
        "请|請|嗯|呃|啊|吧|呢|了|我想|我想听|我想聽|我要|我要听|我要聽|想听|想聽|听|聽|播放|放|给我|給我|来|來|一点|一點|一些|一下|谢谢|謝謝|好的|好"
    ),
    refusals=said("不|不要|不用|停|停止|别放了|不听|不聽|安静|安靜"),
    wishes={
        "music": said("音乐|音樂|歌|歌曲"),
        "podcast": said("播客|故事|节目|節目"),
        "daily": said("新闻|新聞|今日更新|最新消息|更新"),
        "quiz": said("问答|問答|测验|測驗|游戏|遊戲"),
        "quiet": said("静音|靜音|关掉|關掉|没有声音"),
        "next": said("下一个|下一個|下一首|换一个|換一個|换一首|跳过|跳過|别的"),
        "louder": said("大声|大聲|大声一点|大聲一點|音量大|响一点"),
        "softer": said("小声|小聲|小声一点|小聲一點|音量小|轻一点"),
        "less_talk": said("少说话|少說話|不要广播|不要廣播|别说话"),
        "menu": said("菜单|菜單|选项|選項|帮助|幫助|重复|重複"),
        "repeat": said("从头|從頭|再来一次|再來一次|重新开始|重新開始"),
        "back": said("上一个|上一個|上一首|前一个|前一首|返回"),
        "leave": said("离开|離開|离开排队|離開排隊|退出|退出排队|退出排隊|不等了|不排了|不排队了|留言"),
        "callback": said("回电|回電|回电话|回電話|给我回电|給我回電|给我回电话|回拨|回撥|打给我|打給我|给我打电话"),
        "language": said("语言|語言|换语言|換語言|别的语言|其他语言|换一种语言"),
    },
    digits=said("零|一|二|三|四|五|六|七|八|九"),
    keys=said("按|选|選|号|號|第|请|請"),
)
RUSSIAN = Lexicon(
    fillers=said(
        "пожалуйста|ну|э|эм|да|спасибо|сейчас|можно|можно мне|я хочу|хочу|я хочу послушать|хочу послушать",
        "хотел бы|хотела бы",
        "послушать|включи|включите|поставь|поставьте|дайте|дай|мне|давай|давайте|какую нибудь|немного",
    ),
    refusals=said("нет|стоп|хватит|стой|не надо|не нужно|остановите|останови|нет спасибо"),
    wishes={
        "music": said("музыка|музыку|музыки|песня|песню|песни"),
        "podcast": said("подкаст|подкасты|история|историю|рассказ|выпуск"),
        "daily": said("новости|новостей|обновления|что нового"),
        "quiz": said("викторина|викторину|вопрос|вопросы|игра|игру|квиз"),
        "quiet": said("тихо|тишина|тишину|тишины|без звука|молчание|ничего"),
        "next": said("дальше|следующая|следующий|следующую|другую|другое|пропустить|пропусти"),
        "louder": said("громче|погромче|громкость больше"),
        "softer": said("тише|потише|громкость меньше|слишком громко"),
        "less_talk": said("меньше слов|меньше разговоров|без объявлений|меньше объявлений"),
        "menu": said("меню|помощь|выбор|варианты|повтори|повторите|повторить"),
        "repeat": said("сначала|заново|ещё раз|с начала"),
        "back": said("назад|предыдущая|предыдущую|предыдущий|вернись|вернуться"),
        "leave": said("выйти|выйти из очереди|покинуть очередь|уйти|не буду ждать|оставить сообщение"),
        "callback": said(
            "перезвоните|перезвоните мне|перезвони|перезвони мне|перезвонить|обратный звонок|позвоните мне"
        ),
        "language": said("язык|другой язык|сменить язык|на другом языке|смени язык"),
    },
    digits=said("ноль|один|два|три|четыре|пять|шесть|семь|восемь|девять"),
    keys=said("нажать|кнопка|номер|цифра|пожалуйста"),
)
LEXICONS: Mapping[str, Lexicon] = {"en": ENGLISH, "es": SPANISH, "zh": CHINESE, "ru": RUSSIAN}


def lexicons(language: str) -> tuple[Lexicon, ...]:
    """The caller's language, then English, in which the shipped menu is written. `language` is a BCP 47 tag, "" for none known."""
    own = LEXICONS.get(language.replace("_", "-").partition("-")[0].lower())
    return (ENGLISH,) if own in (None, ENGLISH) else (own, ENGLISH)
