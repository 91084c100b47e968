"""
Common given names in Europe and the Americas, to tell people from companies and places.

A short list on purpose: it only has to show that *many* values of a column are people.
Written for this project; lower case, without accents.
"""

from __future__ import annotations

GIVEN_NAMES = frozenset(
    """
    aaron abby abdul abigail abraham ada adam adela adele adolfo adrian adriana adrienne agnes agnieszka ahmad ahmed
    aida aidan aileen aimee alan alana albert alberto alejandra alejandro aleksander alessandra alessandro alessio alex
    alexa alexander alexandra alexandre alexis alfonso alfred alfredo ali alice alicia alina alison allan allen allison
    alma alvaro alvin alyssa amalia amanda amber amelia amelie amina amir amy ana anastasia andre andrea andreas andres
    andrew andy angel angela angelica angelina angelo angie anita anja ann anna annabelle anne annette annie anthony antje
    antoine anton antonia antonio april ariana arianna armando arnold arthur arturo ashley astrid audrey august augusto
    aurelie aurora austin ava barbara barry bart bastian beata beatrice beatriz becky belen ben benedict benjamin
    bernadette bernard bernd bernhard bernice bert bertha bessie beth bethany betty beverly bianca bill billie billy
    birgit bjorn blake blanca bo bob bobby bonnie boris brad bradley brandi brandon brenda brendan brent brett brian
    bridget brigitte brittany bruce bruno bryan caitlin caleb calvin cameron camila camille candace carina carl carla
    carlo carlos carmen carol carole carolina caroline carolyn carrie carsten casey cassandra catalina catarina catherine
    cathy cecilia cecile celia cesar chad charlene charles charlie charlotte chelsea cheryl chester chloe chris christa
    christel christian christiane christie christina christine christoph christophe christopher christy cindy claire
    clara clarence claude claudia claudio claus clement clifford clyde cody colin colleen connie connor conrad consuelo
    corey corinne courtney craig cristian cristina crystal curtis cynthia dagmar daisy dale dalia damian damien dan dana
    daniel daniela daniele danielle danny daphne darlene darrell darren dave david dawn dean deanna debbie deborah debra
    delia denis denise dennis derek desiree destiny detlef devin dexter diana diane dianne diego dieter dietmar dimitri
    dirk dolores dominic dominik dominique don donald donna dora doreen doris dorothea dorothy doug douglas duane dustin
    dwight dylan earl ed eddie edgar edith eduardo edward edwin eileen elaine eleanor elena eleonora eli elias elisa
    elisabeth elise eliza elizabeth elke ella ellen elmer eloise elsa elsie elvira emil emilia emilie emilio emily emma
    emmanuel enrico enrique eric erica erich erik erika erin ernest ernesto ernst erwin esperanza esteban estelle ester
    esther ethan etienne eugene eugenia eva evan eve evelyn ewa fabian fabio fabrice faith fatima federica federico felicia
    felipe felix ferdinand fernanda fernando filip filippo fiona florence florian floyd frances francesca francesco
    francine francis francisca francisco franck francois francoise frank franz fred frederic frederick frederik frida
    friedrich fritz gabriel gabriela gabriele gabriella gail garrett gary gavin gene genevieve geoffrey george georges
    georgia georgina gerald geraldine gerard gerd gerhard gerry gertrude giacomo gilbert gilles gina gioia giorgia giorgio
    giovanna giovanni gisela giulia giuseppe gladys glen glenda glenn gloria gonzalo gordon grace graciela graham grant
    greg gregor gregory greta gretchen guadalupe gudrun guido guillaume guillermo gunter gustav gustavo guy gwen hailey
    hanna hannah hannes hans harald harold harriet harry harvey hassan hazel heather hector heidi heike heiko heinrich
    heinz helen helena helene helga helmut hendrik henri henrik henry herbert herman hermann hilda holger holly hope horst
    howard hubert hugh hugo ian ibrahim ida ignacio igor ilse imran ina ines inga inge ingeborg ingrid ines irena irene
    iris irma isaac isabel isabella isabelle ismael ivan ivonne jack jackie jackson jacob jacqueline jacques jaime jake
    jakob james jamie jan jana jane janet janice janine janna jared jasmin jasmine jason javier jay jean jeanette jeanne
    jeff jeffery jeffrey jen jenna jennifer jenny jens jeremiah jeremy jerome jerry jesse jessica jessie jesus jill jim
    jimmy jo joachim joan joana joann joanna joanne joao joaquin jochen jodi joe joel joelle johan johann johanna johannes
    john johnathan johnny jon jonas jonathan jordan jorg jorge jose josef josefa joseph josephine josh joshua joy joyce juan
    juana juanita judith judy julia julian juliana julie julien juliet julio julius june jurgen justin justine jutta
    karen karin karina karl karla karsten kate katarina katarzyna katharina katherine kathleen kathryn kathy katie katja
    katrin kay kayla keith kelly ken kendra kenneth kerry kevin kim kimberly kirk kirsten klaus konrad kristen kristin
    kristina kristine krystyna kurt kyle lara larry lars laura lauren laurence laurent laurie lawrence lea leah lee leila
    lena leo leon leonard leonardo leonor leroy leslie leticia lewis lidia lillian lily lina linda lindsay lindsey lisa
    liz lloyd logan lois lola lorena lorenzo loretta lori lorraine lothar louis louise luc luca lucas lucia luciano lucie
    lucy ludwig luigi luis luisa luise lukas luke lutz luz lydia lynn mabel maddalena madeleine madison mae magda magdalena
    malcolm mandy manfred manon manuel manuela mara marc marcel marcela marcelo marcia marco marcos marcus margaret
    margarita margot maria mariana marianne marie marilyn marina mario marion marisol marjorie mark marko markus marlene
    marsha marta martha martin martina martine marvin mary mateo mateusz mathias mathieu mathilde matt matteo matthew
    matthias maureen maurice mauricio max maximilian maxime maya megan mehmet melanie melinda melissa mercedes meredith
    mia micha michael michaela michal michel michele michelle miguel mikael mike mildred milena miles milton mina minnie
    miranda miriam mirjam mitchell mohamed mohammad mohammed moises molly mona monica monika monique morgan muhammad
    mustafa myra myriam nadia nadine nancy naomi natalia natalie natasha nathalie nathan nathaniel neil nelson nicholas
    nick nicola nicolas nicole niels nils nina noah noel nora norbert norma norman nuria octavio odette olaf olga oliver
    olivia olivier olga omar orlando oscar oskar osvaldo otto owen pablo paige pam pamela paola paolo pascal pat patricia
    patricio patrick patrizia paul paula pauline paulo pavel pearl pedro peggy penelope perry peter petra phil philip
    philipp philippe phillip phyllis pierre piotr priscilla rachel rafael rainer ralf ralph ramiro ramon randall randy
    raphael raquel raul ray raymond rebecca regina reinhard rene renata renate ricardo richard rick ricky rita rob robert
    roberta roberto robin rocio rodney rodolfo rodrigo roger roland rolf roman romain ron ronald ronnie rosa rosalie
    rosario rose rosemarie rosemary rosie ross roxanne roy ruben rudolf russell ruth ryan sabine sabrina sally salvador
    salvatore sam samantha samir samuel sandra sandrine sandy santiago sara sarah sascha scott sean sebastian sebastien
    serena serge sergio seth shannon shane sharon shawn sheila shelly sherry shirley sibylle sidney siegfried sigrid silke
    silvia silvio simon simona simone sofia sofie sonia sonja sophia sophie stacey stacy stanley stefan stefania stefano
    stefanie steffen stella stephan stephane stephanie stephen steve steven stuart sue summer susan susana susanna susanne
    suzanne svein sven swen sylvain sylvia sylvie tamara tammy tania tanja tanya tara tatiana ted teresa terrence terri
    terry thea theo theodor theodore theresa therese thierry thomas thorsten tiffany tim timo timothy tina tobias todd tom
    tomas tommy toni tony torsten tracey traci tracy travis trevor troy tyler udo ulrich ulrike ulla ursula ute uwe
    valentina valentin valeria valerie vanessa vera vernon veronica veronika veronique vicente vicki vickie vicky victor
    victoria vincent vincenzo viola violet virginia viviana vivian volker wade walter waltraud wanda warren wayne wendy
    werner wesley whitney wilfried wilhelm willem william willie wilma winfried winston wolfgang xavier yasmin yolanda
    yusuf yves yvette yvonne zachary zoe
    """.split()  # noqa: SIM905 - a thousand quoted words would hide the list
)
