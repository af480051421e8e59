"""The Core Business Vocabulary: its words, and the three ways to spell each (CBV 2.0).

JSON has bare words, XML 1.2 and 2.0 have URNs, hashes and Digital Link style have Web URIs.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """One vocabulary of CBV: its words and the prefixes of its other spellings."""

    words: frozenset[str]
    urn: str
    web: str
    older: tuple[str, ...] = ()
    """Prefixes that drafts of CBV 2.0 used; read, never written."""

    def bare(self, text: str) -> str:
        """Return the bare word of a value of this vocabulary, or the text itself."""
        if ":" in text:
            for prefix in (self.urn, self.web, *self.older):
                if text.startswith(prefix) and text[len(prefix) :] in self.words:
                    return text[len(prefix) :]
        return text

    def as_urn(self, text: str) -> str:
        """Return the URN of a word in any spelling; a foreign value is returned as it is."""
        word = self.bare(text)
        return self.urn + word if word in self.words else text

    def as_web(self, text: str) -> str:
        """Return the Web URI of a word in any spelling; a foreign value is returned as it is."""
        word = self.bare(text)
        return self.web + word if word in self.words else text


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_CBV: Final = "https://ref.gs1.org/cbv/"
_OLD: Final = "https://ns.gs1.org/voc/"

BIZ_STEP: Final = Words(
    words=_words("""accepting arriving assembling collecting commissioning consigning
        creating_class_instance cycle_counting decommissioning departing destroying disassembling
        dispensing encoding entering_exiting holding inspecting installing killing loading other
        packing picking receiving removing repackaging repairing replacing reserving retail_selling
        shipping staging_outbound stock_taking stocking storing transporting unloading unpacking
        void_shipping sensor_reporting sampling"""),
    urn="urn:epcglobal:cbv:bizstep:",
    web=_CBV + "BizStep-",
    older=(_OLD + "Bizstep-", _OLD + "BizStep-", _CBV + "Bizstep-"),
)
DISPOSITION: Final = Words(
    words=_words("""
        active container_closed damaged destroyed dispensed disposed encoded expired in_progress
        in_transit inactive no_pedigree_match non_sellable_other partially_dispensed recalled
        reserved retail_sold returned sellable_accessible sellable_not_accessible stolen unknown
        available completeness_verified completeness_inferred conformant container_open
        mismatch_instance mismatch_class mismatch_quantity needs_replacement non_conformant
        unavailable"""),
    urn="urn:epcglobal:cbv:disp:",
    web=_CBV + "Disp-",
    older=(_OLD + "Disp-",),
)
BIZ_TRANSACTION: Final = Words(
    words=_words("bol cert desadv inv pedigree po poc prodorder recadv rma testprd testres upevt"),
    urn="urn:epcglobal:cbv:btt:",
    web=_CBV + "BTT-",
    older=(_OLD + "BTT-",),
)
SOURCE_DESTINATION: Final = Words(
    words=_words("owning_party possessing_party location"),
    urn="urn:epcglobal:cbv:sdt:",
    web=_CBV + "SDT-",
    older=(_OLD + "SDT-",),
)
ERROR_REASON: Final = Words(
    words=_words("did_not_occur incorrect_data"),
    urn="urn:epcglobal:cbv:er:",
    web=_CBV + "ER-",
    older=(_OLD + "ER-",),
)
COMPONENT: Final = Words(
    words=_words("""
        x y z axial_distance azimuth height spherical_radius polar_angle elevation_angle easting
        northing latitude longitude altitude"""),
    urn="urn:epcglobal:cbv:comp:",
    web=_CBV + "Comp-",
    older=(_OLD + "Comp-",),
)
# GS1 Web Vocabulary, MeasurementType and SensorAlertType: bare in JSON, `gs1:` in XML.
MEASUREMENT: Final = Words(
    words=_words("""
        AbsoluteHumidity AbsorbedDose AbsorbedDoseRate Acceleration Radioactivity Altitude
        AmountOfSubstance AmountOfSubstancePerUnitVolume Angle AngularAcceleration AngularMomentum
        AngularVelocity Area Capacitance Conductance Conductivity Count Density Dimensionless
        DoseEquivalent DoseEquivalentRate DynamicViscosity ElectricCharge ElectricCurrent
        ElectricCurrentDensity ElectricFieldStrength Energy Exposure Force Frequency Illuminance
        Inductance Irradiance KinematicViscosity Length LinearMomentum Luminance LuminousFlux
        LuminousIntensity MagneticFlux MagneticFluxDensity MagneticVectorPotential Mass
        MassConcentration MassFlowRate MassPerAreaTime MemoryCapacity MolalityOfSolute MolarEnergy
        MolarMass MolarVolume Power Pressure RadiantFlux RadiantIntensity RelativeHumidity
        Resistance Resistivity SolidAngle SpecificVolume Speed SurfaceDensity SurfaceTension
        Temperature Time Torque Voltage Volume VolumeFlowRate VolumeFraction VolumetricFlux
        Wavenumber"""),
    urn="gs1:",
    web="https://gs1.org/voc/",
    older=("https://www.gs1.org/voc/", "https://ref.gs1.org/voc/", "gs1:MT-"),
)
SENSOR_ALERT: Final = Words(
    words=_words("ALARM_CONDITION ERROR_CONDITION"),
    urn="gs1:",
    web="https://gs1.org/voc/",
    older=("https://www.gs1.org/voc/", "https://ref.gs1.org/voc/"),
)
