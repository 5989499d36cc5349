"""Vocabulary for names and captions, in the scripts that real payloads hold: Latin, CJK, Thai, right-to-left, emoji."""

from __future__ import annotations


def words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FIRST = {
    "english": words(
        "quiet slow tiny golden rainy lazy sunday midnight corner borrowed paper attic velvet salty window "
        "lantern copper pocket garden winter backyard marble second honest"
    ),
    "spanish": words("lunes cocina barrio abuela domingo playa nuestra mañana rincón pequeño luz camino año verano"),
    "portuguese": words("manhã feira nossa praia canção vizinho sertão amanhã chuva quintal irmã coração"),
    "japanese": words("朝の 小さな 放課後の 雨の日 手作り 秋の 近所の 深夜の 週末 初めての"),
    "korean": words("느린 비오는 우리집 새벽 주말 작은 동네 오늘의 겨울 첫번째"),
    "chinese": words("慢慢的 下雨天 小巷 深夜 週末 手工 秋天的 家裡的 第一次 陽台"),
    "thai": words("เช้านี้ ริมคลอง หน้าฝน บ้านเรา วันหยุด ยามเย็น ตลาดเก่า หลังเลิกเรียน"),
    "arabic": words("صباح مطبخ شتاء حارة مساء رحلة بيتنا أول نافذة سوق"),
    "hebrew": words("בוקר שבת מטבח חורף שכונה חלון לילה ראשון"),
    "cyrillic": words("утро наша тихая зимняя кухня вечер дорога первый двор осень"),
    "vietnamese": words("sáng nhà mùa phố chợ chiều đêm quê mưa cuốituần"),
}
SECOND = {
    "english": words(
        "bread kettle bicycle ferns socks chess kites pottery trains beans stitches ladders moths dumplings maps "
        "sourdough otters puddles shelves harmonica gloves noodles tomatoes postcards"
    ),
    "spanish": words("pan bici gatos recetas zapatos tortillas plantas tren baile huerto cuentos domingos"),
    "portuguese": words("pão bicicleta gatos receitas sapatos samba plantas trem pipas jogos"),
    "japanese": words("弁当 猫 散歩 文房具 珈琲 編み物 自転車 銭湯 植物 折り紙"),
    "korean": words("빵집 고양이 산책 자전거 뜨개질 국수 화분 기차 연습 도시락"),
    "chinese": words("麵包 貓咪 散步 腳踏車 豆漿 手帳 植物 火車 便當 風箏"),
    "thai": words("ขนมปัง แมวส้ม จักรยาน ต้นไม้ ก๋วยเตี๋ยว ถักไหม รถไฟ ว่าว"),
    "arabic": words("خبز قطط دراجة نباتات قهوة خياطة قطار طائرة_ورقية شطرنج"),
    "hebrew": words("לחם חתולים אופניים צמחים קפה סריגה רכבת שחמט"),
    "cyrillic": words("хлеб кошки велосипед растения чай вязание поезд шахматы пироги"),
    "vietnamese": words("bánhmì mèo xeđạp cây càphê đanlen tàuhỏa diều bún"),
}
TAILS = ("", "", "", "tok", "2026", "club", "day", "szn", "101", "diy")
"""Suffixes of hashtags in Latin script."""

PHRASES = {
    "english": (
        "third attempt and it finally holds",
        "nobody asked but here is the whole process",
        "my neighbour said it could not be done, so",
        "wait for the kettle at the end",
        "part 4 because part 3 fell off the shelf",
        "how much would you pay for this? be honest",
        "the trick is to do nothing for ten minutes",
    ),
    "spanish": (
        "así quedó después de tres días",
        "¿quién más lo hace así?",
        "mi tía me enseñó este truco, ¡pruébenlo!",
    ),
    "portuguese": (
        "ninguém me avisou que dava tão certo",
        "é assim que fazemos lá em casa",
        "parte 2 só se vocês pedirem",
    ),
    "japanese": ("最後まで見てほしいです", "三回目でやっと成功しました。", "作り方はコメント欄にまとめました"),
    "korean": ("끝까지 봐주세요", "세 번 만에 드디어 성공했어요", "만드는 법은 댓글에 있어요"),
    "chinese": ("第三次終於成功了", "最後一秒才是重點", "做法放在留言裡"),
    "thai": ("รอบที่สามถึงจะสำเร็จ", "ดูให้จบนะ ตอนท้ายมีกาต้มน้ำ", "วิธีทำอยู่ในคอมเมนต์"),
    "arabic": ("المحاولة الثالثة نجحت أخيرًا", "شاهدوا حتى النهاية", "می‌خواهم دوباره امتحان کنم"),
    "hebrew": ("הניסיון השלישי סוף סוף הצליח", "תראו עד הסוף", "המתכון בתגובות"),
    "cyrillic": ("с третьего раза наконец получилось", "досмотрите до конца", "рецепт в комментариях"),
    "vietnamese": ("lần thứ ba mới thành công", "xem đến cuối nhé", "cách làm ở phần bình luận"),
}
"""Captions. The Persian one under Arabic holds a zero-width non-joiner, as Persian must."""

EMOJI = ("🫖", "🐈‍⬛", "👩🏽‍🍳", "✨", "🧶", "🚲", "🥖", "🪁", "❤️‍🔥", "🏳️‍🌈", "👨‍👩‍👧", "🫠", "1️⃣", "🇿🇦")
"""Several are sequences held together by zero-width joiners and variation selectors."""

INVISIBLE = ("\u200b", "\u2060", "\u200e", "\ufeff", "\u00ad")
"""Zero-width and other invisible characters found in captions."""

GIVEN = words(
    "Ottilie Bram Noor Wanjiru Kaito Ximena Tolga Signe Lerato Duc Halina Ravi Maeve Anouk Joaquim Yara Piotr Somchai "
    "Ines Farid 花音 서연 怡君 ณัฐ ليان נועה Злата Bảo"
)
FAMILY = words("Vance Okoro Lindqvist Maru Castell Petrov Haddad Nkosi Ferro Tanaka Dyer Solis Bauer Quist Rahman Ode")

SONGS = (
    "original sound",
    "Kettle Waltz",
    "Low Tide",
    "Paper Kite",
    "오늘의 노래",
    "เพลงริมคลอง",
    "ليلة هادئة",
    "夜の銭湯",
)
ALBUMS = ("", "", "", "Rooms With Weather", "B-Sides for Ferns")
