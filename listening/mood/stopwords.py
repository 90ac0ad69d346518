# ruff: noqa: RUF001, SIM905 - words of several scripts, most readable as running text
"""The commonest words of the languages we guess at; they tell a language and never make a term."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

STOP_WORDS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "en": frozenset(
            "a about after again all also am an and any are as at be because been but by can can't could did do does "
            "doesn't don't for from get got had has have he her here him his how i i'm i've if in into is isn't it "
            "it's its just let like me more my no not now of off on one only or our out over really she should so "
            "some still than that that's the their them then there these they they're this to too up us very was we "
            "were what when where which who why will with would you you're your".split()
        ),
        "es": frozenset(
            "a al algo así aún como con cuando de del desde donde el ella ellos en entre era es esa ese esta este "
            "esto están está fue ha han hasta hay la las le les lo los me mi muy más ni no nos o os otra para pero "
            "por porque pues que quien qué se ser si sin sobre son su sus sí también te tiene todo todos tu un una "
            "uno usted vez y ya yo tengo estoy hoy quiero mejor día soy ahora eso siempre tan mañana hace voy nuevo "
            "mucho hacer mis cosas menos tener sea mismo eres tiempo años puede estaba aquí veo alguien noche esos "
            "después acabo tienes primera somos otro él tienen sido nadie muchos tú tenemos hecho haciendo estas "
            "entonces decir nada".split()
        ),
        "fr": frozenset(
            "a ai au aussi aux avec c'est ce cela ces cet cette comme d'un d'une dans de des donc du elle elles en "
            "est et il ils j'ai je la le les leur leurs lui là ma mais me mes moi mon même n'est ne nos notre nous "
            "on ont ou où par pas plus pour qu'il qu'on quand que quel quelle qui sa sans se ses si son sont sur ta "
            "te tes toi ton tout très tu un une vos votre vous y à ça été être nouveau contre fait faire autour "
            "après peu bientôt encore vu toujours suis entre selon depuis avant peut veut aucun rien alors "
            "aujourd'hui trop tous toutes toute vers sous chez moins mieux déjà jamais personne chose l n'a n'y "
            "s'est jusqu'à".split()
        ),
        "de": frozenset(
            "aber alle als am an auch auf aus bei bin bis bitte da das dass dem den denn der des die dir doch du ein "
            "eine einem einen einer er es euch euer für gibt habe haben hat ich ihr ihre im immer in ist ja kann "
            "kein keine man mal mehr mein meine mich mir mit nach nicht nichts noch nur oder schon sehr sein seine "
            "sich sie sind so und uns unter vom von vor war warum was wenn wer wie wieder wir wird wo wurde zu zum "
            "zur über gegen muss dann einfach echt macht jetzt heute morgen hier werden hab viel ganz wohl machen "
            "können endlich alles diese würde wäre geht weg ohne meinen leider kommt halt gar beim dafür hast "
            "eigentlich dich nie gerade durch seit keinen hätte gleich gehen dieser weniger weil vielleicht soll nun "
            "nich meiner meinem keiner sonst lieber könnte grad erst eben dieses dazu dabei unsere selbst".split()
        ),
        "it": frozenset(
            "a ai al alla anche ancora avete che chi ci come con così cosa da dal dalla dei del della delle di dove "
            "e ed era gli ha hai hanno ho i il in io la le lei lo loro lui ma mi mia mio molto ne nei nel nella no "
            "noi non nostro o ogni per perché però più poi quando quella quello questa questo qui se sei senza si "
            "sia siamo sono su sua sul suo tra tu tutti tutto un una uno vi voi è fare fatto fa ora dopo oggi contro "
            "c'è sta essere quanto nuovo adesso può stato sarà già detto invece devo cui tutte tua sì niente nessuno "
            "appena vorrei tuo dell'italia giorni domani meglio davvero abbiamo voglio proprio qualcosa sempre solo "
            "bene mai nell' dell' all' un'altra".split()
        ),
        "pt": frozenset(
            "a ao aos as até com como da das de dela dele depois do dos e ela ele eles em entre era essa esse esta "
            "este está eu foi há isso isto já lhe mais mas me meu minha muito na nas nem no nos não nós o os ou para "
            "pela pelo por porque quando que quem se sem ser seu sua são só também tem ter tudo um uma você vocês à "
            "é pra hoje tá vai melhor quero bem vou aqui agora ainda assim mesmo fazer vc tenho sair sou pro tão né "
            "ontem desse ficar faz coisa muita muitos nossa nao sai olha aí seria nada dá mim pode estou essas lá "
            "fica alguém quase pessoas tô pq hj vcs então porquê ninguém sempre".split()
        ),
        "tr": frozenset(
            "acaba ama artık bana ben beni benim bir biri biz bizim bu buna bunu çok da daha de değil diye en gibi "
            "ha hep her hiç için ile ise kadar ki kim mi mı mu mü nasıl ne neden niye o olan olarak oldu on ona onu "
            "sana sen siz sizin şey şimdi şu tüm var ve veya ya yani yok".split()
        ),
        "uz": frozenset(
            "ammo bir biz bilan bo'ldi bo'lgan bu bugun bunday bor edi ega emas endi esa ham hamma har hech juda "
            "kabi kerak keyin kim lekin men menga meni mening mana nega nima o'sha qanday qilib qachon shu shunday "
            "siz sizga sizlar sizning uchun u ular va yana yaxshi yo'q yoki zo'r dastur ilova ishlamayapti "
            "ishlamaydi bo'lsa bo'lib qilish qiling qiladi kerakli dasturni iltimos katta lozim qilinglar shuni "
            "mumkin hozir bo'lardi oʻzbek mi rahmat gap qilsa hali haqida ekan ekanligi o'zi o'zim ochilmayapti "
            "nimaga negadir hozirgi kerakmas bo'lmasa degan deb faqat ancha yangi".split()
        ),
        # Hindi as it is mostly typed, in Latin letters; without the words that English or another language has too.
        "hi-latn": frozenset(
            "hai hain hota hoti hua hui hoga hogi hu hun hoon tha thi kya kyu kyun kyon nahi nahin nhi nai bhi aur "
            "lekin par ke ki ka ko kaun koi kuch kab kahan kaise kaisa mein mai main mera meri mere mujhe hum humko "
            "hamara tum tumhara tera teri tere aap aapka aapke apna apni apne yeh ye woh wo isko usko unka unki inka "
            "iska iske uska uske bhai yaar sab sabko log logo karo karna karne kar kiya karta karte raha rahe rahi "
            "gaya gayi gaye liye diya dekho bola bolo ab abhi phir fir toh jab tab jo jaise agar magar matlab bas "
            "sirf bahut bohot bahot accha acha sahi se ho jai desh wala wale wali jaa jao aaj kal baat pe tak sath "
            "saath kuchh dono".split()
        ),
        "ru": frozenset(
            "а без бы был была были было быть в вам вас ваш весь во вот все всё вы где да даже для до его ее если "
            "есть еще ещё её же за здесь и из или им их к как когда кто ли меня мне мы на над нас наш не него нет ни "
            "но ну о об он она они от очень по почему при про раз с сам свой себя со так такой там то тоже только ты "
            "у уже чего чем что чтобы эта эти это этот я".split()
        ),
        "uz-cyrl": frozenset(
            "аммо билан бир биз бу бор бўлди ва жуда керак кейин ким лекин мен менга менинг нега нима сиз сизга "
            "сизлар учун ҳам ҳар ҳеч шу эди эмас энди яна яхши йўқ ёки".split()
        ),
    }
)
