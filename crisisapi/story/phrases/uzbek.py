"""What people say about a brand in Uzbek."""

from __future__ import annotations

from crisisapi.story.phrases.grammar import Grammar

UZBEK: Grammar = {
    "talk": (
        "{open}{when} {brand} do'konidan {item} oldim{end}",
        "{place} {brand} {item} ko'rdim{end}",
        "{brand} {item} bilan {n} kun{end}",
        "{open}{brand} {when} {item} uchun chegirma qildi{end}",
    ),
    "question": (
        "{brand} {item} kichikroq keladimi, kim biladi?",
        "@{tag} {item} {place} qachon bo'ladi?",
        "{brand} yetkazib berishi {when} necha kun?",
    ),
    "praise": (
        "{brand} {item} menga juda yoqdi, {good}{end}",
        "rahmat @{tag}, {good}{end}",
        "{brand} {item}: {good}{end}",
    ),
    "complaint": (
        "{brand} {item} {when} yana kechikdi, {bad}",
        "{brand} ilovasi {when} ishlamayapti, {bad}",
        "@{tag} {item} uchun {n} kundan beri kutyapman, {bad}",
    ),
    "anger": (
        "{shame}, {brand}. {topic} - bu {awful}{rage}",
        "{topic} kim tasdiqladi? {awful_start}{rage}",
        "{demand}, {brand}! {topic} - bu {awful}{rage}",
        "{topic} dan keyin {brand} endi kerak emas{rage}",
        "{awful_start}: {brand} va {topic}. {demand} #{boycott}",
        "{n} yil {brand} bilan edim, endi {topic}. {shame}{rage}",
    ),
    "wonder": ("{brand} va {topic}, nima bo'ldi?", "{brand} {topic} haqida javob berdimi?"),
    "defence": ("{brand} {topic} bilan xato qildi, lekin yetar endi",),
    "open": ("", "", "nihoyat ", "xullas, ", "aytgancha, "),
    "item": ("etik", "kurtka", "ryukzak", "krossovka", "shapka", "xudi"),
    "when": ("bugun", "ertalab", "shu hafta", "dushanbadan beri", "hozir", "kecha"),
    "place": ("shaharda", "do'konda", "saytda", "Toshkentda", "Samarqandda", "bozorda"),
    "good": ("juda qulay", "xursandman", "puliga arziydi", "sifati zo'r"),
    "bad": ("yaxshi emas", "iltimos tuzating", "afsus", "ko'nglim qoldi"),
    "end": ("", "", ".", "!", " 🙂", " 👍", " #{tag}"),
    "awful": ("uyat", "jirkanch", "shafqatsizlik", "haqorat", "dahshat", "hurmatsizlik"),
    "awful_start": ("Qanday uyat", "Bu jirkanch", "Ishonib bo'lmaydi", "Dahshat"),
    "demand": ("O'chiring", "Uzr so'rang", "Pulimni qaytaring", "Kechirim kutamiz"),
    "shame": ("uyalmaysizmi", "hech qanday hurmat yo'q", "endi ishonch yo'q", "uyat sizlarga"),
    "rage": ("", "!", "!!", " 😡", " 🤬", " #{boycott}", " 🤮", " @{tag}"),
}
