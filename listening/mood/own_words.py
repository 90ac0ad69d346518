# ruff: noqa: RUF001, SIM905 - words of several scripts, most readable as running text
"""Words of praise and of complaint in languages that VADER does not know, put together for this project.

They stand in for texts where there are few, and in Turkish, where there are none. Each counts as much as a plainly
good or bad word of VADER's; training finds out how much that is.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

GOOD: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "es": frozenset(
            "bueno buena buenos buenas buenísimo mejor mejores genial geniales excelente excelentes increíble "
            "maravilloso maravillosa maravilla perfecto perfecta feliz felices felicidad felicidades alegre "
            "alegría contento contenta gracias encanta encantan encantó encantado encantada amo amor adoro "
            "hermoso hermosa bonito bonita lindo linda precioso preciosa guapo guapa divertido divertida "
            "estupendo fantástico fantástica espectacular recomiendo recomendable éxito orgulloso orgullosa "
            "emocionado emocionada bravo enhorabuena ánimo agradable amable rico delicioso victoria ganamos ganó "
            "brillante magnífico impresionante ilusión disfrutar disfruta suerte jajaja".split()
        ),
        "fr": frozenset(
            "bon bonne bons bonnes meilleur meilleure meilleurs génial géniale excellent excellente super superbe "
            "magnifique merveilleux parfait parfaite heureux heureuse bonheur content contente merci adore aime "
            "j'adore j'aime amour beau belle beaux sympa gentil formidable fantastique incroyable bravo "
            "félicitations réussi réussite succès victoire fier fière recommande agréable délicieux cool joli "
            "jolie brillant plaisir joie ravi ravie chouette efficace utile positif progrès espoir enfin".split()
        ),
        "de": frozenset(
            "gut gute guter gutes guten beste bester besten toll tolle tolles super großartig wunderbar "
            "wunderschön perfekt schön schöne schöner schönes schönen glücklich freude freue freuen danke "
            "dankeschön liebe liebt lieb geil genial klasse spitze hervorragend ausgezeichnet fantastisch "
            "fabelhaft begeistert zufrieden lecker hübsch nett freundlich empfehlen empfehlenswert erfolg "
            "erfolgreich gewonnen sieg stolz glückwunsch spaß witzig lustig cool bravo hammer wahnsinn gefällt "
            "hilfreich".split()
        ),
        "it": frozenset(
            "buono buona buoni buone migliore migliori ottimo ottima eccellente fantastico fantastica "
            "meraviglioso meravigliosa perfetto perfetta felice felici felicità contento contenta grazie adoro "
            "amo amore bello bella belli belle bellissimo bellissima bravo brava bravi bravissimo complimenti "
            "evviva splendido splendida stupendo stupenda divertente simpatico gentile consiglio successo "
            "vittoria orgoglioso delizioso buonissimo incredibile geniale grandissimo auguri piace piacere gioia "
            "speranza finalmente entusiasta".split()
        ),
        "pt": frozenset(
            "bom bons boas melhor melhores ótimo ótima excelente incrível maravilhoso maravilhosa perfeito "
            "perfeita feliz felizes felicidade contente alegria obrigado obrigada adoro amo amei adorei lindo "
            "linda lindos lindas bonito bonita gostoso gostosa divertido fantástico sensacional espetacular "
            "recomendo parabéns sucesso vitória orgulho orgulhoso massa demais maravilha delícia fofo fofa rainha "
            "diva arrasou arrasa merece torcendo emocionante simpático brilhante kkkk rsrs".split()
        ),
        "ru": frozenset(
            "хорошо хороший хорошая хорошее хорошие лучший лучшая отлично отличный отличная прекрасно прекрасный "
            "прекрасная супер классно классный круто крутой крутая крутые люблю любимый любимая обожаю нравится "
            "понравилось спасибо благодарю счастлив счастлива счастье счастливый рад рада радость радует красиво "
            "красивый красивая красота молодец молодцы умница здорово замечательно замечательный великолепно "
            "великолепный чудесно чудо вкусно вкусный удобно рекомендую успех победа ура поздравляю гениально "
            "идеально идеальный милый милая мило прелесть потрясающе шикарно шикарный весело приятно добрый".split()
        ),
        "ar": frozenset(
            "جميل جميلة جمال رائع رائعة روعة ممتاز ممتازة احب احبك حب حبيبي حبيبتي شكرا سعيد سعيدة سعادة فرح فرحة "
            "مبروك احسن افضل عظيم خير الخير مبدع ابداع نجاح ناجح فوز الحمد حلو حلوة تحفة جيد جيدة طيبة امل تفاؤل "
            "يسعدك مبارك عسل اجمل يجنن سلام نعمة بطل ابطال كريم فخر فخور مشكور يعطيك العافية موفق".split()
        ),
        "hi": frozenset(
            "अच्छा अच्छी अच्छे बढ़िया शानदार सुंदर खूबसूरत प्यार धन्यवाद शुक्रिया खुश खुशी बधाई मस्त जबरदस्त "
            "बेहतरीन पसंद उत्तम सफल जीत गर्व लाजवाब achha achi badhiya shandar mast zabardast khush khushi pyar "
            "pyaar shukriya dhanyavad badhai sundar khoobsurat behtareen jeet lajawab kamaal".split()
        ),
        "tr": frozenset(
            "iyi güzel güzeldi güzelmiş güzeli harika harikasın harikaydı mükemmel süper muhteşem şahane müthiş "
            "mükemmeldi teşekkürler teşekkür teşekkürederim sağol sağolun eyvallah seviyorum sevdim sevdik "
            "bayıldım bayıldık bayılıyorum beğendim beğendik beğeniyorum memnun memnunum memnunuz memnunkaldım "
            "mutlu mutluyum mutluluk keyifli eğlenceli başarılı başarı başarılar tebrikler tebrik bravo helal "
            "aferin kaliteli hızlı lezzetli nefis leziz tatlı sevgi aşk aşkım canım kral efsane efsaneydi şanslı "
            "şans kazandık galibiyet gururlu gurur muazzam enfes kusursuz tavsiye öneririm dürüst yardımsever "
            "ilgili nazik temiz rahat hayırlı kutlu sevindim sevinçli umut umutlu iyiydi iyidir iyiler pratik hoş "
            "hoştu hoşuma sorunsuz ucuz uygun güvenilir özenli".split()
        ),
        "uz": frozenset(
            "yaxshi zo'r zor ajoyib a'lo alo rahmat rahmatlar barakalla ofarin qoyil super yoqdi yoqadi menga "
            "qulay chiroyli go'zal mukammal baxtli baxt mehribon foydali manzur tabriklayman omad sevaman "
            "yaxshiroq tez oson ajoyibda yoqimli aqlli xursand mamnun зўр яхши ажойиб раҳмат аъло қулай ёқди".split()
        ),
    }
)

BAD: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "es": frozenset(
            "malo mala malos malas peor peores pésimo pésima horrible horribles terrible asco asqueroso asquerosa "
            "mierda puta puto joder jodido basura odio odia triste tristeza llorar lloro lloré dolor duele "
            "enojado enojada enfadado rabia ira furioso vergüenza vergonzoso estafa estafadores ladrones robo "
            "fraude engaño mentira mentiras mentiroso decepción decepcionado decepcionada fracaso fatal miedo "
            "problema problemas muerte murió muerto aburrido aburrida estúpido estúpida idiota idiotas tonto "
            "inútil inútiles feo fea cansado cansada enfermo queja reclamo desastre lamentable perdimos perdió "
            "insoportable maldito maldita corrupción corruptos".split()
        ),
        "fr": frozenset(
            "mauvais mauvaise mauvaises pire nulle nuls horrible terrible affreux dégoûtant dégueulasse merde "
            "putain chier connard connasse conne haine déteste triste tristesse pleure pleurer douleur mal honte "
            "honteux scandale scandaleux arnaque arnaqueurs voleurs escroquerie mensonge menteur menteurs déçu "
            "déçue déception échec catastrophe catastrophique peur problème problèmes morts ennuyeux stupide "
            "idiot ridicule inutile moche fatigué marre malade pollution danger dangereux menace menacé menacée "
            "crise lamentable pitoyable inadmissible inacceptable détruit détruire".split()
        ),
        "de": frozenset(
            "schlecht schlechte schlechter schlechtes schlechten schlimm schlimmste schlimmer furchtbar "
            "schrecklich grauenhaft scheiße scheiss scheisse scheiß kacke mist verdammt fuck arsch arschloch "
            "idiot idioten dumm blöd bescheuert hass hasse hassen traurig trauer weinen heulen schmerz schmerzen "
            "leider schade wütend wut sauer ärger ärgerlich peinlich schande betrug betrüger abzocke lüge lügen "
            "lügner enttäuscht enttäuschung enttäuschend versagt katastrophe angst problem probleme gestorben "
            "langweilig hässlich müde krank kotzen kotzt nervt nervig unverschämt frechheit kaputt unfähig "
            "lächerlich ekelhaft eklig verloren niederlage".split()
        ),
        "it": frozenset(
            "cattivo cattiva peggio peggiore peggiori pessimo pessima orribile orrendo terribile schifo schifoso "
            "merda cazzo vaffanculo stronzo stronza coglione coglioni odio odiare triste tristezza piangere "
            "dolore vergogna vergognoso vergognatevi truffa truffatori ladri ladro furto bugia bugie bugiardo "
            "delusione deluso delusa fallimento disastro problema problemi morte morto noioso noia stupido "
            "stupida idiota idioti inutile brutto brutta stanco stanca malato tasse corruzione ridicolo ridicoli "
            "buffone buffoni purtroppo macelleria sconfitta rabbia".split()
        ),
        "pt": frozenset(
            "ruim ruins mau má pior piores péssimo péssima horrível terrível nojo nojento nojenta merda porra "
            "caralho foda-se odeio ódio odiei triste tristeza chorar chorando dor raiva vergonha vergonhoso golpe "
            "fraude roubo ladrão ladrões mentira mentiroso decepção decepcionado decepcionada fracasso desastre "
            "medo problema problemas morte morreu morto chato chata burro burra idiota idiotas estúpido inútil "
            "feio feia cansado cansada doente lixo absurdo ridículo ridícula insuportável falsa falso injusto "
            "injustiça péssimos perdeu piada infelizmente saco desgraça".split()
        ),
        "ru": frozenset(
            "плохо плохой плохая плохое плохие хуже худший ужас ужасно ужасный ужасная ужасные кошмар "
            "отвратительно отвратительный мерзко дерьмо говно хуйня пиздец блять бля сука сволочь тварь твари "
            "дебил дебилы идиот идиоты дурак тупой тупая тупые тупо ненавижу ненависть грустно грусть печально "
            "печаль плачу плакать слезы боль больно злость злой бесит бесят стыд позор обман мошенники воры ложь "
            "врут врет разочарован разочарована разочарование провал катастрофа страшно страх проблема проблемы "
            "смерть умер умерла скучно бесполезно урод уроды устал устала болею хреново фигово жаль жалко "
            "невозможно ужасы".split()
        ),
        "ar": frozenset(
            "سيء سيئة سيئ اسوا قبيح كره اكره اكرهك حزين حزينة حزن بكاء الم وجع غضب غاضب عار فضيحة احتيال نصاب "
            "نصابين سرقة لص لصوص كذب كذاب كاذب خيبة فشل فاشل كارثة خوف مشكلة مشاكل موت مات قتل قتلى ارهاب ارهابي "
            "ممل غبي غبية احمق حقير كلب خنزير قذر زبالة مقرف تعبان مريض فساد فاسد ظلم ظالم حرب جريمة جرائم حسبي "
            "مجرم مجرمين خاين خيانة للاسف".split()
        ),
        "hi": frozenset(
            "बुरा बुरी बुरे बेकार घटिया खराब गंदा नफरत दुख दुखी रोना दर्द गुस्सा शर्म धोखा चोर झूठ झूठा निराश "
            "असफल डर समस्या मौत बकवास मूर्ख bura buri bure bekar bekaar ghatiya kharab ganda nafrat dukh dukhi "
            "rona dard gussa sharam dhokha chor jhooth jhutha bakwas bakwaas murkh chutiya chutiye madarchod "
            "bhenchod bhosdike gandu harami kutta kutte saala kamina".split()
        ),
        "tr": frozenset(
            "kötü kötüydü berbat berbattı rezalet rezil iğrenç iğrençti korkunç felaket felaketti bok boktan "
            "lanet allahbelasını aptal salak gerizekalı şerefsiz namussuz yalancı yalan yalanlar dolandırıcı "
            "dolandırıcılar hırsız sahtekar nefret üzgün üzgünüm üzüldüm üzücü üzüntü ağlıyorum ağladım acı sinir "
            "sinirli sinirlendim kızgın öfke utanç utanmaz ayıp hayalkırıklığı kırıklığı memnundeğilim "
            "memnuniyetsiz başarısız başarısızlık korku korkuyorum sorun sorunlu sorunlar problem ölüm öldü ölmüş "
            "sıkıcı sıkıldım saçma saçmalık saçmasapan gereksiz işeyaramaz işe yaramaz çirkin yorgun yorgunum "
            "bıktım bıktık pişman pişmanım pişmanoldum şikayet şikayetçiyim bozuk bozuldu kırık çöp pahalı "
            "kalitesiz yavaş gecikti ilgisiz saygısız kaba kirli kaybettik mağlubiyet maalesef yazık olmaz "
            "olmamış beğenmedim sevmedim almayın tavsiyeetmem etmiyorum iade mağdur mağduriyet vasat "
            "kandırıldım".split()
        ),
        "uz": frozenset(
            "yomon yomonki dahshat dahshatli ahmoq ahmoqlar axmoq tentak yolg'on yolgon yolg'onchi aldov aldash "
            "firibgar firibgarlar o'g'ri nafrat xafa g'amgin yig'lash og'riq uyat sharmanda muammo muammolar xato "
            "xatolik ishlamaydi ishlamayapti ishlamadi ochilmaydi ochilmayapti ochilmadi kirmaydi kirmayapti "
            "qotib qotadi sekin reklama reklamalar bo'lmaydi bo'lmayapti bo'lmadi yoqmadi rasvo be'mani bemani "
            "keraksiz foydasiz afsus afsuski iflos ёмон алдов ишламаяпти ёқмади хато".split()
        ),
    }
)
